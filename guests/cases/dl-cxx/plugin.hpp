#pragma once
#include <stdexcept>
#include <string>
#include <vector>

/* All of it inline: every module has copies of the functions, tables and type infos, and main's count. */
struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
    virtual const char *kind() const = 0;
};

struct Scalable {
    virtual ~Scalable() = default;
    virtual void scale(double factor) = 0;
};

struct Named {
    virtual ~Named() = default;
    virtual std::string name() const = 0;
};

struct PluginError : std::runtime_error {
    explicit PluginError(int code) : std::runtime_error("plugin error"), code(code) {}
    int code;
};

inline int &count_of_uses()
{
    static int count;
    return count;
}

typedef Shape *make_function(double size);
