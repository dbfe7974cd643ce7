#include <cstdio>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

static const std::map<std::string, int> *counts;

static int count_of(const std::string &word)
{
    auto found = counts->find(word);
    if (found == counts->end())
        throw std::out_of_range("not found");
    return found->second;
}

/* The different words of a text, sorted, and what looking for another one ends with. */
extern "C" void sort_words(const char *text, char *result, size_t size)
{
    std::map<std::string, int> words;
    std::istringstream in(text);
    for (std::string word; in >> word;)
        words[word]++;
    counts = &words;
    std::ostringstream out;
    for (const auto &word : words)
        out << (out.tellp() > 0 ? " " : "") << word.first;
    try {
        out << count_of("question");
    } catch (const std::exception &error) {
        out << ", thrown and caught: " << error.what();
    }
    std::snprintf(result, size, "%s", out.str().c_str());
}
