/* What a plugin has. Every plugin defines both; each host lookup is in one plugin, so that they do not mix. */
extern const char *plugin_name;

/* Renders `text` into a line of at most `size` bytes, NUL included, and gives its length. */
int render(const char *text, char *line, int size);
