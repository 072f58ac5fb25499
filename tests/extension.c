/* Extension modules for the tests; NAME, INIT and KIND are given to the compiler. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

/* What C code keeps for itself: one for each file that is loaded. */
static int counter = 0;

static PyObject *count(PyObject *self, PyObject *unused)
{
    return PyLong_FromLong(++counter);
}

/* Imports as C code does while it runs, by PyImport_Import. */
static PyObject *import(PyObject *self, PyObject *name)
{
    return PyImport_Import(name);
}

/* Imports as Cython's import statements do. */
static PyObject *import_directly(PyObject *self, PyObject *name)
{
    return PyImport_ImportModuleLevelObject(name, NULL, NULL, Py_None, 0);
}

static PyMethodDef methods[] = {
    {"count", count, METH_NOARGS, NULL},
    {"import_", import, METH_O, NULL},
    {"import_directly", import_directly, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static int populate(PyObject *module)
{
#if KIND == 1 /* refuses to be loaded twice into one process, however it is done */
    if (getenv("GATEWAY_TESTS_LOADED") != NULL) {
        PyErr_SetString(PyExc_ImportError, "cannot load module more than once");
        return -1;
    }
    setenv("GATEWAY_TESTS_LOADED", "1", 1);
#elif KIND == 2 /* ends the process instead */
    if (getenv("GATEWAY_TESTS_LOADED") != NULL)
        abort();
    setenv("GATEWAY_TESTS_LOADED", "1", 1);
#endif
    /* Both ways of importing the package that the extension is in. */
    PyObject *package = PyImport_ImportModule("native");
    if (package == NULL || PyModule_AddObject(module, "package", package) < 0)
        return -1;
    PyObject *name = PyUnicode_FromString("native.part");
    PyObject *from = Py_BuildValue("(s)", "value");
    PyObject *part = PyImport_ImportModuleLevelObject(name, NULL, NULL, from, 0);
    Py_DECREF(name);
    Py_DECREF(from);
    if (part == NULL || PyModule_AddObject(module, "part", part) < 0)
        return -1;
#if KIND == 3 /* enters itself by the name that it was compiled with, as Cython does */
    PyObject *modules = PyImport_GetModuleDict();
    if (PyDict_GetItemString(modules, "native." TEXT(NAME)) == NULL)
        return PyDict_SetItemString(modules, "native." TEXT(NAME), module);
#endif
    return 0;
}

#if KIND == 4 /* initialized in one phase, the old way */

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native." TEXT(NAME), NULL, -1, methods,
};

PyMODINIT_FUNC INIT(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module != NULL && populate(module) < 0)
        Py_CLEAR(module);
    return module;
}

#else /* in several phases (PEP 489) */

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, populate},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, TEXT(NAME), NULL, 0, methods, slots,
};

PyMODINIT_FUNC INIT(void)
{
    return PyModuleDef_Init(&definition);
}

#endif
