#pragma once
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

void greet(std::ostream &out);
void print_hex(std::ostream &out, int value);
std::vector<std::string> split(const std::string &text);
std::map<std::string, int> count(const std::vector<std::string> &words);
std::variant<int, std::string> text_or_number(bool text);
std::optional<int> maybe(bool present);
void complain();
