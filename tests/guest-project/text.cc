#include <stdexcept>
#include <string>

extern "C" int base(int);

static std::string checked(const char *text)
{
    if (!*text)
        throw std::runtime_error("empty");
    return text;
}

extern "C" int text(const char *text)
{
    try {
        return base(static_cast<int>(checked(text).size()));
    } catch (const std::exception &) {
        return -1;
    }
}
