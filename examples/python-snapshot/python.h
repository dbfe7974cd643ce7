/* What this example uses of CPython's stable ABI (PEP 384), for a library that comes without its headers. */
#ifndef EXAMPLE_PYTHON_H
#define EXAMPLE_PYTHON_H

typedef struct _object PyObject;
typedef struct PyModuleDef PyModuleDef;

typedef struct {
    const char *name;
    PyObject *(*call)(PyObject *self, PyObject *argument);
    int flags;
    const char *doc;
} PyMethodDef;

typedef struct {
    int slot;
    void *value;
} PyModuleDef_Slot;

struct PyModuleDef {
    struct {
        long count;
        void *type;
        PyObject *(*init)(void);
        long index;
        PyObject *copy;
    } base;
    const char *name;
    const char *doc;
    long size;
    PyMethodDef *methods;
    PyModuleDef_Slot *slots;
    void *traverse, *clear, *free;
};

/* The function takes one argument. */
enum { METH_O = 8 };

PyObject *PyModuleDef_Init(PyModuleDef *definition);
PyObject *PyLong_FromLong(long value);
long PyLong_AsLong(PyObject *value);
PyObject *PyErr_Occurred(void);

int PyImport_AppendInittab(const char *name, PyObject *(*init)(void));
void Py_InitializeEx(int signals);
int Py_FinalizeEx(void);
PyObject *PyImport_ImportModule(const char *name);
int PyObject_SetAttrString(PyObject *object, const char *name, PyObject *value);
PyObject *PyList_New(long length);
int PyList_Append(PyObject *list, PyObject *item);
PyObject *PyUnicode_DecodeFSDefault(const char *text);
void Py_DecRef(PyObject *object);
int PyRun_SimpleStringFlags(const char *code, void *flags);

#endif
