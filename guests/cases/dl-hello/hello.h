/* What main and the libraries agree on. */
struct greeting {
    const char *whom;
    int times;
    char (*decorate)(char); /* applied to each character, if not NULL */
};

typedef int greet_function(const struct greeting *);
