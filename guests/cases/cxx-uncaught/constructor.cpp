#include <stdexcept>

struct Config {
    Config() { throw std::invalid_argument("no configuration"); }
};

static Config config;

extern "C" Config *get() { return &config; }
