/*
 * A C++ host: SQLite as a WebAssembly library, with typed calls, a lambda that SQLite calls back, and errors as exceptions.
 *
 *     c++ -std=c++17 host.cc -lwasmdyld -o host
 *     ./host LIBRARIES
 *
 * LIBRARIES is the folder with libsqlite3.so and the libc.so that it needs.
 */
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

#include <wasmdyld.hh>

using wasmdyld::NamespaceRef;
using wasmdyld::Ptr;

/* What a sqlite3 * points to is SQLite's own affair. */
struct Database;
using Row = int(Ptr<>, int, Ptr<Ptr<char>>, Ptr<Ptr<char>>);

static void run(const std::string &libraries)
{
    wasmdyld::Engine engine;
    wasmdyld::Namespace ns(engine, wasmdyld::Config().library_path(libraries));
    ns.set_wasi(); /* libc wants WASI; the guest gets nothing of this machine */
    auto sqlite = ns.load("libsqlite3.so");

    /* The types are checked against the library's own, here. */
    auto open = sqlite.function<int(Ptr<const char>, Ptr<Ptr<Database>>)>("sqlite3_open");
    auto exec = sqlite.function<int(Ptr<Database>, Ptr<const char>, Ptr<Row>, Ptr<>, Ptr<Ptr<char>>)>("sqlite3_exec");
    auto errmsg = sqlite.function<Ptr<char>(Ptr<Database>)>("sqlite3_errmsg");
    auto close = sqlite.function<int(Ptr<Database>)>("sqlite3_close");
    std::cout << "SQLite " << ns.memory().c_string(sqlite.function<Ptr<char>()>("sqlite3_libversion")()) << '\n';

    /* Memory of the guest's malloc, which is freed when these go. */
    auto out = ns.allocate<Ptr<Database>>(1);
    if (open(ns.copy_string(":memory:"), out) != 0)
        throw std::runtime_error("there is no database");
    Ptr<Database> database = out.read();

    /* A pointer of the guest's to a function of the host's. */
    bool patient = true;
    Ptr<Row> print = ns.callback([&patient](NamespaceRef in, Ptr<>, int columns, Ptr<Ptr<char>> values, Ptr<Ptr<char>>) {
        if (!patient)
            throw std::runtime_error("enough of this");
        for (int i = 0; i < columns; i++) {
            Ptr<char> value = in.memory().read(values + i);
            std::cout << (i ? ", " : "  ") << (value ? in.memory().c_string(value) : "NULL");
        }
        std::cout << '\n';
        return 0;
    });
    auto query = [&](const char *sql) {
        if (exec(database, ns.copy_string(sql), print, nullptr, nullptr) != 0)
            std::cout << "SQL: " << ns.memory().c_string(errmsg(database)) << '\n';
    };
    query("CREATE TABLE river (name TEXT, km INTEGER);"
          "INSERT INTO river VALUES ('Nile', 6650), ('Amazon', 6400), ('Yangtze', 6300), ('Lethe', NULL)");
    query("SELECT name, km FROM river ORDER BY name");
    query("SELECT mouth FROM river");

    /* What a lambda throws ends the guest's call, and arrives here as it was. */
    patient = false;
    try {
        query("SELECT 1");
    } catch (const std::runtime_error &error) {
        std::cout << "the lambda: " << error.what() << '\n';
    }

    /* Without exceptions: a Result, which has a value or an error. */
    auto wrong = sqlite.try_function<double(double)>("sqlite3_close");
    if (!wrong)
        std::cout << wrong.error().message() << '\n';
    close(database);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: host LIBRARIES\n";
        return 2;
    }
    try {
        run(argv[1]);
    } catch (const wasmdyld::Exception &error) {
        std::cerr << "host: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
