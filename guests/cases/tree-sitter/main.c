#include <api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const TSLanguage *tree_sitter_python(void);

static const char FIRST[] = "def half(x):\n    return x / 2\n";
static const char SECOND[] = "def square(x):\n    return x * x\n";
static const char NAMES[] = "(function_definition name: (identifier) @name)";

/* Calls `each` with the names of functions, as a query finds them. */
static int names(TSTree *tree, const char *text, void (*each)(const char *name, unsigned length))
{
    uint32_t at;
    TSQueryError kind;
    TSQuery *query = ts_query_new(tree_sitter_python(), NAMES, strlen(NAMES), &at, &kind);
    TSQueryCursor *cursor = ts_query_cursor_new();
    ts_query_cursor_exec(cursor, query, ts_tree_root_node(tree));
    TSQueryMatch match;
    int count = 0;
    while (ts_query_cursor_next_match(cursor, &match)) {
        TSNode node = match.captures[0].node;
        uint32_t start = ts_node_start_byte(node);
        if (each) each(text + start, ts_node_end_byte(node) - start);
        count++;
    }
    ts_query_cursor_delete(cursor);
    ts_query_delete(query);
    return count;
}

static void print_name(const char *name, unsigned length)
{
    printf(" %.*s", (int)length, name);
}

/* Another function is added, and the tree is parsed again with what it was. */
static TSTree *add(TSParser *parser, TSTree *tree, const char *text, uint32_t before)
{
    uint32_t size = strlen(text);
    TSInputEdit edit = {before, before, size, {2, 0}, {2, 0}, {4, 0}};
    ts_tree_edit(tree, &edit);
    TSTree *next = ts_parser_parse_string(parser, tree, text, size);
    uint32_t count;
    TSRange *changed = ts_tree_get_changed_ranges(tree, next, &count);
    int kept = count == 1 && changed[0].start_byte >= before;
    free(changed);
    ts_tree_delete(tree);
    printf("after an edit: %d functions, the first one %s\n", names(next, text, NULL), kept ? "kept" : "parsed again");
    return next;
}

static void error(TSParser *parser)
{
    const char *text = "x = 1\ny = (2 +\n";
    TSTree *tree = ts_parser_parse_string(parser, NULL, text, strlen(text));
    TSNode node = ts_tree_root_node(tree);
    while (ts_node_has_error(node) && !ts_node_is_error(node) && !ts_node_is_missing(node)) {
        uint32_t child = 0;
        while (child < ts_node_child_count(node) && !ts_node_has_error(ts_node_child(node, child)))
            child++;
        node = ts_node_child(node, child);
    }
    TSPoint point = ts_node_start_point(node);
    printf("an error is found at line %u, column %u\n", point.row, point.column);
    ts_tree_delete(tree);
}

static void many(TSParser *parser)
{
    char *text = malloc(2000 * sizeof FIRST);
    size_t size = 0;
    for (int i = 0; i < 2000; i++) {
        memcpy(text + size, FIRST, sizeof FIRST - 1);
        size += sizeof FIRST - 1;
    }
    TSTree *tree = ts_parser_parse_string(parser, NULL, text, size);
    const char *wrong = ts_node_has_error(ts_tree_root_node(tree)) ? "errors" : "no error";
    printf("many: %d functions, %s\n", names(tree, text, NULL), wrong);
    ts_tree_delete(tree);
    free(text);
}

int main(void)
{
    TSParser *parser = ts_parser_new();
    if (!ts_parser_set_language(parser, tree_sitter_python())) return 1;
    TSTree *tree = ts_parser_parse_string(parser, NULL, FIRST, strlen(FIRST));
    char *shown = ts_node_string(ts_tree_root_node(tree));
    printf("%s\n", shown);
    free(shown);

    char text[sizeof FIRST + sizeof SECOND];
    snprintf(text, sizeof text, "%s%s", FIRST, SECOND);
    tree = add(parser, tree, text, strlen(FIRST));
    printf("names:");
    names(tree, text, print_name);
    printf("\n");
    ts_tree_delete(tree);
    error(parser);
    many(parser);
    ts_parser_delete(parser);

    uint32_t at;
    TSQueryError kind;
    if (ts_query_new(tree_sitter_python(), "(nonsense)", 10, &at, &kind)) return 1;
    printf("a pattern that is none: error of kind %d at %u\n", kind, at);
    return 0;
}
