"""CPython's own tests as a corpus: the bodies of test methods, turned into workflow functions.

``python -m tests.differential.cpython --help`` says how to run it. Nothing of CPython is kept here: the bodies are read
from the `test` package that is installed with the interpreter, await points are woven in, and the result is run natively
under asyncio, compiled, and compiled with a restart at every await.

    selecting   which modules, which test methods
    weaving     a test method -> a workflow function with await points
    points      what the await points call
    running     one case, one way, in a process of its own
    known       what cannot be had, by name
    comparing   what three runs of a case say about it
    working     all cases of one module
    __main__    all modules; the table
"""
