#pragma once
#include <string>
#include <vector>

class Registry {
public:
    Registry();
    ~Registry();
    std::vector<std::string> names;
};

extern Registry registry;

/* Adds its name to the registry, which must therefore be constructed before. */
class Entry {
public:
    explicit Entry(const char *name);
    ~Entry();

private:
    const char *name;
};

/* Constructed when it is first asked for, by whatever module. */
class Lazy {
public:
    Lazy();
    ~Lazy();
};

inline Lazy &lazy()
{
    static Lazy object;
    return object;
}
Lazy &lazy_of_library();
