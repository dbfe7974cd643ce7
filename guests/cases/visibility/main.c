#include <stdio.h>

/* Exported, but the libraries' hidden ones are not this. */
const char *internal(void) { return "main"; }
const char *hidden_name = "main";

void print_red(void);
void print_blue(void);

int main(void)
{
    print_red();
    print_blue();
    print_red();
    printf("main: internal %s\n", internal());
    return 0;
}
