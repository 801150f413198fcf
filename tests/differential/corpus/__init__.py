"""Small functions, each about one thing; `test_corpus.py` runs every ``async def`` whose name begins with ``do_``.

None checks anything by itself: that CPython and dreamflow show the same is the test. They are written as users write,
so most of what ruff would say about them is wrong here.
"""
