#include "words.hpp"
#include "../check.h"
#include <algorithm>
#include <format>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <ranges>
#include <regex>
#include <sstream>

static void files()
{
    {
        std::ofstream out("/out/lines.txt");
        out << "line one" << '\n' << "line two" << '\n';
    }
    std::ifstream in("/out/lines.txt");
    std::string first, second;
    CHECK(std::getline(in, first) && std::getline(in, second));
    std::cout << "file by streams: " << first << '|' << second << '\n';
}

int main()
{
    std::cout << "Hello from main, ";
    greet(std::cout);
    std::cout << "hex by the library: ";
    print_hex(std::cout, 255);
    std::cout << ", still hex in main: " << 255 << ", dec again: " << std::dec << 255 << '\n';

    auto words = split("the dictionary of the words is in a the");
    auto longest = *std::max_element(words.begin(), words.end(), [](auto &a, auto &b) { return a.size() < b.size(); });
    std::cout << "words: " << words.size() << ", longest: " << std::quoted(longest) << '\n';
    auto counts = count(words);
    std::cout << "the: " << counts["the"] << " times\nsorted:";
    for (const auto &[word, times] : counts)
        std::cout << ' ' << word;

    std::cout << "\nformatted: [" << std::setw(5) << 42 << "] [" << std::fixed << std::setprecision(2) << 3.14159 << "] ["
              << std::left << std::setw(10) << "left" << "]\n";
    std::istringstream in("12 3.5");
    int whole = 0;
    double real = 0;
    in >> whole >> real;
    std::cout << "from a string: " << whole << " and " << std::setprecision(1) << real << '\n';

    std::smatch match;
    std::string date = "on 2026-11-21";
    CHECK(std::regex_search(date, match, std::regex("(\\d{4})-(\\d{2})")));
    std::cout << "regex: " << match[1] << ", " << match[2] << '\n';
    std::cout << "variant and optional: " << std::get<std::string>(text_or_number(true)) << ", " << maybe(true).value() << '\n';
    CHECK(std::get<int>(text_or_number(false)) == 7 && !maybe(false));

    std::cout << "ranges:";
    for (int square : std::views::iota(1, 7) | std::views::filter([](int n) { return n % 2 == 0; }) | std::views::transform([](int n) { return n * n; }))
        std::cout << ' ' << square;
    std::cout << '\n';
    files();
    std::cout << std::format("std::format: {:#x} and {}\n", 42, "abc");
    complain();
    std::clog << "to clog, from main\n";
    std::cout << "cerr and clog went elsewhere\n";
    return 0;
}
