/* Crash reports, plugin registries and garbage collectors live on these. Structures are read and written by both sides, so
 * their layout is tested with what they say. */
#include "../dl.h"

int main_data = 1;
int main_function(void) { return main_data; }
static int static_function(void) { return 2; }

int function_of_needed(void);
extern int data_of_needed;

/* A name without folders; the program is called otherwise in each variant. */
static const char *base(const char *name)
{
    const char *slash = strrchr(name, '/');
    name = slash ? slash + 1 : name;
    return strncmp(name, "main-", 5) == 0 ? "main" : name;
}

/* "symbol of object" */
static const char *where(const void *address)
{
    static char texts[4][100];
    static int turn;
    char *text = texts[turn++ % 4];
    Dl_info info;
    memset(&info, 0xff, sizeof info);
    if (!dladdr(address, &info))
        return "nobody";
    /* A program at fixed addresses has the base 0. */
    CHECK(info.dli_fname && info.dli_fbase != (void *)-1);
    if (info.dli_sname)
        snprintf(text, sizeof texts[0], "%s of %s", info.dli_sname, base(info.dli_fname));
    else
        snprintf(text, sizeof texts[0], "of %s, no symbol", base(info.dli_fname));
    CHECK(info.dli_sname ? info.dli_saddr != NULL : info.dli_saddr == NULL);
    return text;
}

static void addresses(void)
{
    void *opened = OPEN("libopened.so", RTLD_NOW);
    void *function = FIND(opened, "function_of_opened"), *data = FIND(opened, "data_of_opened");
    printf("functions: %s, %s, %s\n", where((void *)(uintptr_t)main_function), where((void *)(uintptr_t)function_of_needed),
           where(function));
    Dl_info info;
    CHECK(dladdr(function, &info) && info.dli_saddr == function);
    dl_function *hidden = FUNCTION(dl_function *(*)(void), opened, "get_hidden_of_opened")();
    dl_function *volatile own = static_function;
    CHECK(hidden() == 5 && own() == 2);
    printf("a static function: %s; %s\n", where((void *)(uintptr_t)own), where((void *)(uintptr_t)hidden));

    printf("data: %s, %s, %s\n", where(&main_data), where(&data_of_needed), where(data));
    CHECK(dladdr(data, &info) && info.dli_saddr == data);
    CHECK((char *)info.dli_fbase <= (char *)data && (char *)data < (char *)info.dli_fbase + 65536);
    int *array = (int *)FIND(opened, "array_of_opened");
    CHECK(dladdr(array + 50, &info) && info.dli_saddr == array);
    printf("inside an array: %s\n", info.dli_sname);

    int local = 0;
    void *heap = malloc(100000);
    CHECK(heap != NULL);
    CHECK(dladdr(NULL, &info) == 0);
    CHECK(dladdr(&local, &info) == 0);
    CHECK(dladdr((char *)heap + 50000, &info) == 0);
    CHECK(dladdr((void *)0xfffffffe, &info) == 0);
    CHECK(dladdr((void *)(((uintptr_t)__builtin_wasm_memory_size(0) << 16) - 1), &info) == 0);
    free(heap);
    puts("of nobody: null, stack, heap, the end of the memory");

    CLOSE(opened);
    CHECK(dladdr(function, &info) == 0 && dladdr(data, &info) == 0);
    puts("closed: of nobody");
}

struct list {
    int count;
    char names[20][30];
    uintptr_t addresses[20];
};

static int add(struct dl_phdr_info *info, size_t size, void *data)
{
    struct list *list = (struct list *)data;
    CHECK(size >= sizeof *info);
    CHECK(info->dlpi_phdr == NULL && info->dlpi_phnum == 0);
    CHECK(list->count < 20 && strlen(base(info->dlpi_name)) < 30);
    strcpy(list->names[list->count], base(info->dlpi_name));
    list->addresses[list->count++] = info->dlpi_addr;
    return 0;
}

static int add_all_again(struct dl_phdr_info *info, size_t size, void *data)
{
    struct list inner = {0}, *outer = (struct list *)data;
    struct dl_phdr_info copy = *info;
    CHECK(dl_iterate_phdr(add, &inner) == 0);
    CHECK(inner.count == 5);
    /* What this call was given is still what it was. */
    CHECK(info->dlpi_addr == copy.dlpi_addr && info->dlpi_name == copy.dlpi_name);
    return add(info, size, outer);
}

static int stop_at_libc(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    ++*(int *)data;
    return strcmp(base(info->dlpi_name), "libc.so") == 0 ? 42 : 0;
}

/* At libc.so it closes what is yet to come, and opens another. */
static int close_and_open(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    if (strcmp(base(info->dlpi_name), "libc.so") == 0) {
        CLOSE(data);
        OPEN("libother.so", RTLD_NOW);
    }
    CHECK(strcmp(base(info->dlpi_name), "libopened.so") != 0);
    return 0;
}

static int counters(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    ((unsigned long long *)data)[0] = info->dlpi_adds;
    ((unsigned long long *)data)[1] = info->dlpi_subs;
    return 1;
}

static void objects(void)
{
    void *opened = OPEN("libopened.so", RTLD_NOW);
    void *plugin = OPEN("/plugins/libplugin.so", RTLD_NOW);
    struct list list = {0}, again = {0};
    CHECK(dl_iterate_phdr(add, &list) == 0);
    printf("all objects:");
    for (int i = 0; i < list.count; i++)
        printf(" %s", list.names[i]);
    puts("");

    struct link_map *map;
    CHECK(dlinfo(opened, RTLD_DI_LINKMAP, &map) == 0);
    CHECK(strcmp(base(map->l_name), "libopened.so") == 0);
    struct link_map *of_opened = map;
    while (map->l_prev) {
        CHECK(map->l_prev->l_next == map);
        map = map->l_prev;
    }
    int count = 0;
    for (; map; map = map->l_next, count++) {
        CHECK(count < list.count && strcmp(base(map->l_name), list.names[count]) == 0);
        CHECK(map->l_addr == list.addresses[count]);
    }
    CHECK(count == list.count);
    Dl_info info;
    CHECK(dladdr(FIND(opened, "data_of_opened"), &info) && (uintptr_t)info.dli_fbase == of_opened->l_addr);
    puts("the same by link maps");

    CHECK(dl_iterate_phdr(add_all_again, &again) == 0);
    CHECK(memcmp(&list, &again, sizeof list) == 0);
    puts("from within the callback: the same");
    int calls = 0;
    int result = dl_iterate_phdr(stop_at_libc, &calls);
    printf("stopped by the callback at %s: %d\n", list.names[calls - 1], result);

    CHECK(dl_iterate_phdr(close_and_open, opened) == 0);
    CHECK(dlopen("libopened.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
    puts("closed and opened by the callback: no trouble");
    opened = OPEN("libopened.so", RTLD_NOW);

    unsigned long long before[2], after[2];
    dl_iterate_phdr(counters, before);
    CLOSE(opened);
    dl_iterate_phdr(counters, after);
    int gone = (int)(after[1] - before[1]);
    CHECK(after[0] == before[0]);
    OPEN("libopened.so", RTLD_NOW);
    dl_iterate_phdr(counters, before);
    printf("counters of loading and unloading: %d more, then %d more\n", gone, (int)(before[0] - after[0]));

    char origin[4096];
    CHECK(dlinfo(plugin, RTLD_DI_LINKMAP, &map) == 0 && dlinfo(plugin, RTLD_DI_ORIGIN, origin) == 0);
    printf("by path: %s in %s\n", map->l_name, origin);
    CHECK(map->l_ld == NULL);

    Dl_serinfo size;
    CHECK(dlinfo(plugin, RTLD_DI_SERINFOSIZE, &size) == 0);
    Dl_serinfo *search = (Dl_serinfo *)malloc(size.dls_size);
    CHECK(search != NULL);
    *search = size;
    CHECK(dlinfo(plugin, RTLD_DI_SERINFO, search) == 0);
    CHECK(search->dls_cnt == size.dls_cnt && search->dls_size == size.dls_size);
    int found = 0;
    for (unsigned i = 0; i < search->dls_cnt; i++) {
        const char *name = search->dls_serpath[i].dls_name;
        CHECK(name > (char *)search && name + strlen(name) < (char *)search + search->dls_size);
        found += strcmp(name, "/plugins/deps") == 0;
    }
    printf("search path: as announced, %s /plugins/deps\n", found == 1 ? "with" : "without");
    free(search);

    Lmid_t id = 5;
    CHECK(dlinfo(plugin, RTLD_DI_LMID, &id) == 0);
    printf("namespace: %ld\n", id);
    void *everything = OPEN(NULL, RTLD_NOW);
    CHECK(dlinfo(everything, RTLD_DI_LINKMAP, &map) == 0 && map->l_prev == NULL);
    printf("handle of dlopen(NULL): %s\n", base(map->l_name));
}

int main(void)
{
    addresses();
    objects();
    return 0;
}
