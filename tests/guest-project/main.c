#include <stdio.h>
#include <wasmdyld/dlfcn.h>

int text(const char *);
int util(void);

int host_value(void) { return 41; }

int main(void)
{
    printf("%d %d %d\n", text("four"), text(""), util());
    void *plugin = dlopen("libplug.so", RTLD_NOW);
    if (!plugin) {
        puts(dlerror());
        return 1;
    }
    int (*plug)(void) = (int (*)(void))dlsym(plugin, "plug");
    printf("plug %d\n", plug());
    return 0;
}
