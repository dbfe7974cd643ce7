/*
 * Python that has imported what it needs before it starts: `python.wasm CODE [ARGUMENT...]` runs CODE.
 *
 * Until the snapshot it runs what the variable WARM_UP says, which build.sh sets. Without a snapshot that is unset, and it is an ordinary Python with
 * one extension.
 */
#include <stdio.h>
#include <stdlib.h>
#include <wasmdyld/snapshot.h>
#include "python.h"

PyObject *PyInit_spam(void);

/* Python's _socket wants it, and wasi-libc does not have it. */
int h_errno;

static int is_warm;

static int warm_up(void) {
    PyImport_AppendInittab("spam", PyInit_spam);
    Py_InitializeEx(0);
    const char *code = getenv("WARM_UP");
    return code ? PyRun_SimpleStringFlags(code, 0) : 0;
}

/* Arguments are those of this run, which Python has not seen. */
static int set_arguments(int argc, char **argv) {
    PyObject *sys = PyImport_ImportModule("sys"), *list = PyList_New(0);
    int failed = !sys || !list;
    for (int i = 1; !failed && i < argc; i++) {
        PyObject *argument = PyUnicode_DecodeFSDefault(i == 1 ? "-c" : argv[i]);
        failed = !argument || PyList_Append(list, argument);
        if (argument) Py_DecRef(argument);
    }
    failed = failed || PyObject_SetAttrString(sys, "argv", list);
    if (list) Py_DecRef(list);
    if (sys) Py_DecRef(sys);
    return failed;
}

int main(int argc, char **argv) {
    if (!is_warm) {
        if (warm_up()) return 1;
        is_warm = 1;
        wasmdyld_snapshot();
    }
    if (argc < 2) {
        fprintf(stderr, "usage: python CODE [ARGUMENT...]\n");
        return 2;
    }
    int failed = set_arguments(argc, argv) || PyRun_SimpleStringFlags(argv[1], 0);
    return Py_FinalizeEx() < 0 ? 120 : failed ? 1 : 0;
}
