"""Which modules of the `test` package, and which of their test methods."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import linecache
import pkgutil
import types
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

#: Tests of the language and of what programs are made of; those that an interpreter does not have are left out.
MODULES = (
    # the language
    'test_grammar test_syntax test_exceptions test_exception_variations test_exception_hierarchy test_exception_group '
    'test_except_star test_raise test_baseexception test_with test_scope test_global test_nested_scopes test_generators '
    'test_generator_stop test_genexps test_listcomps test_setcomps test_dictcomps test_coroutines test_asyncgen '
    'test_contextlib test_contextlib_async test_unpack test_unpack_ex test_patma test_named_expressions test_fstring '
    'test_tstring test_string test_unicode test_keywordonlyarg test_positional_only_arg test_extcall test_call '
    'test_decorators test_class test_descr test_descrtut test_super test_metaclass test_subclassinit test_genericclass '
    'test_genericalias test_property test_funcattrs test_dynamic test_dynamicclassattribute test_augassign test_binop '
    'test_compare test_richcmp test_contains test_opcodes test_pow test_unary test_int_literal test_bool test_int '
    'test_long test_float test_complex test_bytes test_slice test_range test_tuple test_list test_dict test_set '
    'test_userdict test_userlist test_userstring test_iter test_iterlen test_enumerate test_sort test_index test_hash '
    'test_format test_print test_pyclbr test_type_annotations test_type_aliases test_type_params test_annotationlib '
    'test_future_stmt test_yield_from test_cmd_line_script test_compile test_eof test_peepholer test_code test_frame '
    'test_traceback test_sys test_builtin test_weakref test_weakset test_gc test_finalization test_ordered_dict '
    'test_dictviews test_defaultdict test_deque test_collections test_itertools test_functools test_operator '
    'test_copy test_copyreg test_pickle test_enum test_dataclasses test_types test_typing test_abc test_isinstance '
    'test_structseq test_reprlib test_pprint test_module test_inspect test_string_literals test_strtod '
    # what scientists compute with
    'test_fractions test_decimal test_statistics test_random test_math test_cmath test_datetime test_calendar '
    'test_json test_re test_textwrap test_struct test_array test_memoryview test_heapq test_bisect test_numeric_tower '
    'test_colorsys test_csv test_difflib test_shlex test_string test_graphlib test_uuid test_base64 test_binascii '
    'test_hashlib test_zlib test_io test_memoryio test_tempfile test_pathlib test_posixpath test_genericpath test_glob '
    'test_fnmatch test_configparser test_argparse test_logging test_warnings test_contextvars test_queue test_sched '
    'test_timeit test_time test_locale test_string test_ast test_tokenize test_linecache test_codeop test_optparse '
    'test_getopt test_ipaddress test_urlparse test_html test_quopri test_xml_etree test_minidom test_bigmem '
    'test_univnewlines test_mimetypes test_netrc test_plistlib test_rlcompleter test_secrets test_shelve test_stat '
    'test_stringprep test_keyword test_cmd test_imghdr test_fileinput test_filecmp test_difflib test_unicodedata'
).split()  # fmt: skip
MODULES = tuple(dict.fromkeys(MODULES))


@dataclass(frozen=True)
class Case:
    """One test method of one class."""

    cls: type[unittest.TestCase]
    function: types.FunctionType

    @property
    def method(self) -> str:
        return self.function.__name__

    @property
    def name(self) -> str:
        return f'{self.cls.__module__.removeprefix("test.")}.{self.cls.__qualname__}.{self.method}'


def available(module: str) -> list[str]:
    """Return the full name of a test module, or those of the modules in it if it is a package; nothing if missing."""
    spec = importlib.util.find_spec(f'test.{module}')
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [f'test.{module}']
    found = pkgutil.iter_modules(spec.submodule_search_locations, f'test.{module}.')
    return [f'test.{module}', *(info.name for info in found if 'test' in info.name.rpartition('.')[2])]


def cases_of(module: str, inherited: bool) -> Iterator[Case]:
    """Yield the cases of one module.

    :param module: its full name.
    :param inherited: whether a method counts anew in each class that inherits it.
    """
    loaded = importlib.import_module(module)
    seen = set[types.CodeType]()
    classes = [value for value in vars(loaded).values() if isinstance(value, type)]
    for cls in dict.fromkeys(classes):
        if not issubclass(cls, unittest.TestCase) or cls.__module__ != module:
            continue
        for name in unittest.defaultTestLoader.getTestCaseNames(cls):
            function = inspect.unwrap(getattr(cls, name))
            if _is_usable(function) and (inherited or function.__code__ not in seen):
                seen.add(function.__code__)
                yield Case(cls, function)


def _is_usable(function: object) -> bool:
    if not isinstance(function, types.FunctionType) or function.__name__ == '<lambda>':
        return False
    other_kind = inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function)
    # A method made inside of a function has more around it than its source says.
    return not other_kind and set(function.__code__.co_freevars) <= {'__class__'}


@lru_cache(maxsize=8)
def _definitions(filename: str) -> dict[int, ast.FunctionDef]:
    tree = ast.parse(''.join(linecache.getlines(filename)), filename)
    found = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return {min(part.lineno for part in (node, *node.decorator_list)): node for node in found}


def definition_of(function: types.FunctionType) -> ast.FunctionDef | None:
    """Return the tree of a function, ``None`` if its source is not what it was made from."""
    node = _definitions(function.__code__.co_filename).get(function.__code__.co_firstlineno)
    return node if node is not None and node.name == function.__name__ else None
