const char *inner(void);
const char *sibling_by_inner(void);

const char *outer(int which)
{
    return which == 0 ? "outer" : which == 1 ? inner() : sibling_by_inner();
}
