/* An extension of Python in C: spam.eggs(6) is 42. */
#include "python.h"

static PyObject *eggs(PyObject *self, PyObject *argument) {
    (void)self;
    long count = PyLong_AsLong(argument);
    if (count == -1 && PyErr_Occurred()) return 0;
    return PyLong_FromLong(7 * count);
}

static PyMethodDef methods[] = {{"eggs", eggs, METH_O, "The eggs of that many nests."}, {0}};
static PyModuleDef definition = {.base = {.count = 1}, .name = "spam", .methods = methods};

PyObject *PyInit_spam(void) {
    return PyModuleDef_Init(&definition);
}
