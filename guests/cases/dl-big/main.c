/* The libraries come in the middle of the program's life: with constructors, data of hundreds of kilobytes, tags of exceptions,
 * symbols that are weak everywhere, and buffers in libc's heap. */
#include "../dl.h"

static void use_all(void)
{
    void *pack = OPEN("libpack.so", RTLD_NOW), *store = OPEN("libstore.so", RTLD_NOW);
    void *script = OPEN("libscript.so", RTLD_NOW), *words = OPEN("libwords.so", RTLD_NOW);

    static unsigned char data[5000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i % 97 * (i % 7));
    int times = FUNCTION(int (*)(const unsigned char *, unsigned long), pack, "pack")(data, sizeof data);
    printf("zlib: %d bytes packed and unpacked, %d time\n", (int)sizeof data, times);

    printf("sqlite: %d\n", FUNCTION(int (*)(int), store, "sum_to")(100));

    int (*run_script)(const char *, char *, size_t) =
        FUNCTION(int (*)(const char *, char *, size_t), script, "run_script");
    char text[200], error[200];
    CHECK(run_script("local function f(n) return n < 2 and 1 or n * f(n - 1) end return f(5)", text, sizeof text) == 0);
    CHECK(run_script("return 1 + nil", error, sizeof error) != 0);
    const char *message = strstr(error, "attempt");
    printf("lua: %s, and an error caught: %s\n", text, message ? message : error);

    void (*sort_words)(const char *, char *, size_t) = FUNCTION(void (*)(const char *, char *, size_t), words, "sort_words");
    sort_words("to be or not to be and that", text, sizeof text);
    printf("c++: %s\n", text);

    CLOSE(script);
    CLOSE(words);
    CLOSE(pack);
    CLOSE(store);
    const char *const all[] = {"libz.so", "libsqlite3.so", "liblua.so", "libc++.so", "libc++abi.so", "libunwind.so"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        CHECK(dlopen(all[i], RTLD_NOW | RTLD_NOLOAD) == NULL);
    puts("all gone");
}

int main(void)
{
    use_all();
    use_all();
    return 0;
}
