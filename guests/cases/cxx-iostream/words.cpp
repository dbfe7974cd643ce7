#include "words.hpp"
#include <iostream>
#include <sstream>

void greet(std::ostream &out) { out << "and from the library." << std::endl; }
void print_hex(std::ostream &out, int value) { out << std::hex << value; }

std::vector<std::string> split(const std::string &text)
{
    std::istringstream in(text);
    std::vector<std::string> words;
    for (std::string word; in >> word;)
        words.push_back(word);
    return words;
}

std::map<std::string, int> count(const std::vector<std::string> &words)
{
    std::map<std::string, int> counts;
    for (const auto &word : words)
        ++counts[word];
    return counts;
}

std::variant<int, std::string> text_or_number(bool text)
{
    if (text)
        return "text";
    return 7;
}

std::optional<int> maybe(bool present) { return present ? std::optional(7) : std::nullopt; }

void complain() { std::cerr << "to cerr, from the library\n"; }

/* Uses cout before main: libc++'s constructors must have run before. */
struct Early {
    Early() { std::cout.flush(); }
} early;
