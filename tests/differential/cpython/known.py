"""What cannot be had, by the names of the cases that show it, each with its reason.

A case that is wrong and not on this list is a fault. The same list, in words, is in ``docs/language.md``.
"""

from __future__ import annotations

import re

__all__ = ('KNOWN', 'reason_for')

LIFETIME = 'when an object dies: a variable that no later code reads is let go at the await, and a frame makes copies'
COUNTED = 'what the garbage collector or a reference counter counts: the runtime has objects and frames of its own'
NUMBER = 'a number made of an `id()`, or the `id()` of what is not in the frame: objects come back at other addresses'
SMALL = 'the identity of text, numbers and empty tuples across a restart'
HELD = 'the identity with an object that a module, a class or the process holds too: the frame comes back with a copy'
CALLS = 'how often `__new__`, `__hash__`, `__eq__`, `__reduce__` or `__getattr__` of the objects in the frame is called'
DICT = '`obj.__dict__` held beside `obj` across a restart comes back as another dict'
FRAMES = 'frames of the interpreter: their identity, their number, their `f_back`, the depth of the recursion'
CODE = 'the identity of code objects across a restart, and bytecode that no compiler makes'
REPLACED = 'a builtin or a standard module replaced for the whole process, and so for the runtime'
PICKLE = 'what the class of an object leaves out when it is pickled or copied'
CHANGED = (
    'that a container was changed under an iterator which does not tell; the type of an iterator that is exhausted'
)
INSIDE = 'what C keeps of a function or class, and how often it asks for its `mro`'
RECIPE = 'what was set on an object that is made again at each await, as it has no stored form'
ORDER = 'the order of a set, and that in which a class lists its subclasses and attributes'
TIME = 'how long something takes: to store a frame takes time, too'
RANDOM = 'random numbers of the operating system, and the ports and names it gives, other ones in each run'
FORKED = 'a process that the workflow makes of its own by `os.fork()`: it goes on as the workflow, too'
MEMORY = 'the size of objects in memory, or the limits of memory'

KNOWN: dict[str, tuple[str, ...]] = {
    LIFETIME: (
        r'test_code\.CoExtra\.test_free_called',
        r'test_coroutines\.CoroutineTest\.test_bpo_45813_1',  # a coroutine that nobody awaited is warned of when it dies
        r'test_weakref\.',
        r'test_weakset\.',
        r'test_bytes\..*\.test_resize_forbidden',
        r'test_decimal\.C.*\.test_(pickle|copy|flag_comparisons|nested_with_statements|float_operation_default)$',  # `c.traps` leads to the memory of `c`, and does not hold it
        r'test_finalization\.',
        r'test_generators\.FinalizationTest\.',
        r'test_copy\.TestCopy\.test_(deep)?copy_weak',
        r'test_descr\..*\.test_mutable_bases_(catch_mro_conflict|with_failing_mro)',  # a class derived from it would be in the way, were it alive
        r'test_exceptions\.ExceptionTests\.testExceptionCleanupState',
        r'test_logging\.ShutdownTest\.test_no_failure',
        r'test_ordered_dict\.PurePython.*\.test_sorted_iterators',
        r'test_struct\.StructTest\.test__struct_reference_cycle_cleaned_up',
        r'test_tempfile\.TestTemporaryDirectory\.test_warnings_on_cleanup',
        r'test_typing\.CollectionsAbcTests\.test_collections_as_base',  # a class that is not needed any more has registered another
        r'_(leak|leaks|cycle|cycles|refleak|refcycle|weakref|weakrefs|subtype_resurrection|gc_collect|gc|nokeepref)$',
    ),
    COUNTED: (
        r'test_gc\.',
        r'test_descr\..*\.test_cycle_through_dict',
        r'test_sys\.SysModuleTest\.test_refcount',
        r'test_os\.FileTests\.test_rename',  # `sys.getrefcount`
        r'test_traceback\..*\.test_no_refs_to_exception_and_traceback_objects',
        r'test_memoryview\..*\.test_(refs|getitem|setitem_readonly|setitem_writable|getbuffer)$',  # `sys.getrefcount`
        r'test_xml_etree\.BugsTest\.test_bug_xmltoolkit63',
        r'test_enumerate\.TestReversed\.test_bug1229429',
        r'test_coroutines\.CoroutineTest\.test_for_[2346]$',
        r'test_memoryio\..*\.test_cow_mutable$',  # `sys.getrefcount`
    ),
    NUMBER: (
        r'test_descr\.DictProxyTests\.test_repr',
        r'test_builtin\.BuiltinTest\.test_format$',
        r'test_tstring\.TestTString\.test_conversions',
        r'test_shlex\.ShlexTest\.testPopSourceDebug',
        r'test_copy\.TestCopy\.test_deepcopy_keepalive',
        r'test_(user)?(list|dict|string|tuple|deque)\..*\.test_(repeat|repr|imul)$',
        r'test_deque\.TestBasic\.test_pickle_recursive',
        r'test_collections\.TestCounter\.test_inplace_operations',
        r'test_functools\.TestPartial.*\.test_repr',
        r'test_sys\.UnraisableHookTest\.test_custom_unraisablehook_fail',
        r'test_functools\.TestLRU.*\.test_lru_cache_typed_is_not_recursive',
        r'test_funcattrs\..*\.test___func___non_method',
        r'test_coroutines\..*\.test_fatal_coro_warning',
        r'test_minidom\..*\.testElementReprAndStr',
        r'test_pickle\..*\.test_local_lookup_error',
        r'test_reprlib\.ReprTests\.test_(descriptors|instance)',
        r'test_pprint\.QueryTestCase\.test_sort_(un)?orderable',
        r'test_collections\..*\.test_Set_hash_matches_frozenset',  # the hash of a set of objects
        r'test_dis\.BytecodeTests\.test_explicit_first_line',  # of code
        r'test_set\..*\.test_copy$',  # of one that no later code reads
        r'test_(user)?(list|tuple|string)\..*\.test_pickle$',
    ),
    SMALL: (
        r'test_dict\.DictTest\.test_str_nonstr',
        r'test_unicode\.UnicodeTest\.test_(bug1001011|getnewargs)',
        r'test_operator\.PyOperatorTestCase\.test_is(_not)?$',
        r'test_collections\.TestNamedTuple\.test_field_doc_reuse',
        r'test_reprlib\.TestRecursiveRepr\.test_assigned_attributes',  # of the name of a module
    ),
    HELD: (
        r'test_typing\.GenericTests\.test_pep_?695_generic_\w+_(name_clash_with_global_vars|with_future_annotations)',  # type variables do not know their owner
        r'test_global\.GlobalTests\.test_caught_exception_group',
        r'test_inspect\..*\.test_getsourcefile$',  # of `linecache.cache`
        r'test_io\..*TextIOWrapperTest\.test_illegal_encoder',  # of the registry of codecs
        r'test_logging\.BasicConfigTest\.test_stream',  # `logging` holds handlers, and those their streams and filters
        r'test_logging\.ConfigDictTest\.test_(config_(callable_filter|filter|filter_method)_works|listen_config_10_ok)',
        r'test_logging\.QueueHandlerTest\.test_queue_handler',
        r'test_logging\.WarningsTest\.test_warnings$',
        r'test_logging\.CustomLevelsAndFiltersTest\.test_logging_filter_replaces_record',  # filters, and those what they note
        r'test_logging\.ModuleLevelMiscTest\.test_(set_logger_class|subclass_logger_cache)',
        r'test_logging\.LoggerTest\.test_find_caller_with_stack_info',
        r'test_logging\.(ExceptionTest|LoggerAdapterTest)\.',
        r'test_class\.ClassTests\.',
        r'test_fileinput\.Test_(fileinput_|hook_compressed)',
        r'test_generators\.GeneratorTest\.test_handle_frame_object_in_creation',  # the list `gc.callbacks`
        r'test_fileinput\.FileInputTests\.test_readline_os_',
        r'test_random\.MersenneTwister_TestBasicOps\.',
        r'test_typing\.OverloadTests\.',
        r'test_types\.UnionTests\.test_or_type_operator_with_forward',  # what `typing` has made before
        r'test_optparse\.TestProgName\.',  # the list `sys.argv`
        r'test_functools\.TestLRUPy\.test_lru_with_(types|keyword_args)',
        r'test_pickle\..*\.test_evil_class_mutating_dict',  # a class under a global name shares a variable
        r'test_copy\.TestCopy\.test_(deep)?copy_registry',
        r'test_isinstance\.TestIsInstanceIsSubclass\.',
        r'test_imghdr\.TestImghdr\.test_register_test',
        r'test_hashlib\.HashLibTestCase\.test_get_builtin_constructor',  # a cache of `hashlib`
        r'test_inspect\..*\.test_getfunctions',  # a lambda is a variable of a module
        r'test_inspect\..*TestGetClosureVars\.',
        r'test_annotationlib\..*\.test_pep_?695_generic_',
        r'test_inspect\..*\.test_pep_?695_generic_',
        r'test_compare\.ComparisonSimpleTest\.test_comparisons',
        r'test_code\.CodeTest\.test_(var_counts|stateless)',  # a module holds an inner function
        r'test_decimal\.PyWhitebox\.test_py_exact_power',  # the context of a second `decimal`
        r'test_tokenize\.TestTokenize\.test_tokenize$',  # a function put into a module
        r'test_codecs\.CodecsModuleTest\.test_unregister',  # the registries of codecs
        r'test_codeccallbacks\.CodecCallbackTest\.test_encode_unencodable_replacement',
        r'test_unittest\.test_runner\.TestModuleCleanUp\.',  # `sys.modules`
        r'test_hmac\..*\.test_with_fallback',  # a cache of `hashlib`
        r'test_importlib\.test_spec\..*\.test_reload',  # `sys.modules`
    ),
    CALLS: (
        r'test_inspect.*\.TestGetattrStatic\.test_metaclass_dict_as_property',
        r'test_dict\.DictTest\.test_set(default|item)_atomic',
        r'test_copy\.TestCopy\.test_(deep)?copy_reduce(_ex)?$',
        r'test_dataclasses\.TestSlots\.test_frozen_slots_pickle_custom_state',
        r'test_set\..*\.test_do_not_rehash_dict_keys',
        r'test_descr\..*\.test_metaclass$',
        r'test_iter\.TestCase\.test_ref_counting_behavior',
        r'test_re\.ReTests\.test_template_function',  # `re` keeps patterns, those of the frame too
        r'test_pickle\..*\.test_reduce_(ex_)?(calls_base|called)',
        r'test_types\.ClassCreationTests\.test_metaclass_override_callable',
        r'test_inspect\..*\.test_(dict_as_property|mutated_mro)$',  # pickling asks for `__dict__`
    ),
    DICT: (
        r'test_funcattrs\.FunctionDictsTest\.test_setting_dict_to_valid',
        r'test_dict\.DictTest\.test_object_set_item_single_instance_non_str_key',
        r'test_descr\..*\.test_vicious_descriptor_nonsense',
    ),
    CODE: (
        r'test_types\.CoroutineTests\.test_(async_def|gen)',
        r'test_code\.CodeConstsTest\.',
        r'test_code\.CodeTest\.test_invalid_bytecode',  # which Python itself gives back as other bytecode
        r'test_compile\..*\.test_(merge_constants|merge_code_attrs|same_filename_used)',
    ),
    REPLACED: (
        r'test_linecache\.LineCacheTests\.test_memoryerror',
        r'test_dynamic\.RebindBuiltinsTests\.',
        r'test_importlib\.test_util\.MiscTests\.test_atomic_write',
        r'test_uu\.UUStdIOTest\.',  # a standard stream, by one that cannot be stored
        r'test_builtin\.BuiltinTest\.test_all_any_tuple_optimization$',
        r'test_functools\.TestSingleDispatch\.test_cache_invalidation',
        r'test_warnings\..*\.test_(show_warning_output|showwarning_missing)',
        r'test_iter\..*\.test_reduce_mutating_builtins_iter',
        r'test_ordered_dict\.Py.*\.test_(pickle|copying|reduce)',
        r'test_ordered_dict\.PySimpleLRUCacheTests\.',
        r'test_inspect\..*\.test_findsource_code_in_linecache',
    ),
    FRAMES: (
        r'test_raise\.TestTracebackType\.test_attrs',
        r'test_frame\.',
        r'test_traceback\.(LimitTests|TestStack)\.',
        r'test_code\.CodeTest\.test_co_positions_artificial_instructions$',  # asks a frame in a traceback for its code
        r'test_traceback\..*\.test_comparison_params_variations$',  # shows the variables of frames in a traceback
        r'test_traceback\..*\.test_(stack_format|long_context_chain)$',
        r'test_generators\.YieldFromTests\.test_generator_gi_yieldfrom',
        r'test_generators\.GeneratorStackTraceTest\.',
        r'test_sys\.SysModuleTest\..*(frame|recursion)',
        r'test_yield_from\..*\.test_delegator_is_visible_to_debugger',
        r'test_inspect\..*\.test_get((async)?generator|coroutine)locals',
        r'test_dis\.BytecodeTests\.test_from_traceback_dis',  # shows the code of a frame in a traceback
        r'test_monitoring\.',  # of calls in all frames, those of the runtime too
        r'test_traceback\.MiscTracebackCases\.test_clear',
        r'test_coroutines\.OriginTrackingTest\.test_unawaited_warning_when_',  # `check_warnings` holds the frame that calls it
        r'test_exceptions\.NameErrorTests\..*suggestions',  # suggests names of the variables in a frame
        r'test_exceptions\.ExceptionTests\.test_recursion_in_',
        r'test_peepholer\.TestMarkingVariablesAsUnKnown\.',
        r'_recursion(_limit|error|_error)?$',
    ),
    FORKED: (r'_after_fork$',),
    RANDOM: (
        r'test_socketserver\.',
        r'test_random\.SystemRandom_TestBasicOps\.',
    ),
    MEMORY: (
        r'[a-z_]sizeof$',
        r'test_class\.TestInlineValues\..*no_memory',
        r'test_array\..*\.test_sizeof_with_buffer',
        r'test_sys\.SizeofTest\.',
        r'test_tracemalloc\.',
        r'test_sys\..*\.test_getallocatedblocks',
        r'test_descr\.SharedKeyTests\.',
        r'test_list\.ListTest\.test_preallocation',
        r'test_bytes\.ByteArrayTest\.test_(alloc|resize_error)$',
        r'test_dict\.DictTest\.test_splittable_',
    ),
    PICKLE: (
        r'test_pickle(tools)?\..*\.test_reduce_(ex_)?overrides_',
        r'test_pickle\..*\.test_bad_reconstructor_args',
        r'test_pathlib\..*\.test_info_\w+_caching',
        r'test_pathlib\..*PureWindowsPathTest\.test_join',  # `./d:s` is pickled as `d:s`
        r'test_pathlib\..*\.test_parts_common',
        r'test_descr\..*\.test_copy_setstate',
        r'test_genericalias\..*\.test_calling_next_twice',
        r'test_typing\.TypingCallableTests\.test_type_erasure',
        r'test_plistlib\..*\.test_modified_uid',
        r'test_ipaddress\..*\.testNetworkElementCaching',
    ),
    CHANGED: (
        r'test_deque\.TestVariousIteratorArgs\.test_(iter_with_altered_data|runtime_error_on_empty_deque)',
        r'test_iter\.TestCase\.test_mutating_seq_class_iter_pickle',
        r'test_iterlen\.TestDeque\.test_immutable_during_iteration',
    ),
    ORDER: (
        r'test_builtin\.TestType\.test_namespace_order',
        r'test_descr\..*\.test_module_subclasses',
        r'test_hashlib\.HashLibTestCase\.',  # loops over a set of functions
        r'test_pickle\.CompatPickleTests\.test_import$',
    ),
    TIME: (
        r'test_logging\.MemoryHandlerTest\.test_race_between_set_target_and_flush',
        r'test_sched\.',
        r'test_pathlib\..*\.test_glob_many_open_files',
        r'test_imaplib\.Threaded',  # who of two threads prints first
        r'test_logging\.TimedRotatingFileHandlerTest\.test_rollover',
        r'test_itertools\..*\.test_(long_chain_of_empty_iterables|tee_del_backward)',
        r'test_re\.ReTests\.test_search_anchor_at_beginning',
    ),
    RECIPE: (r'test_module\.ModuleTests\.test_subclass_with_slots',),
    INSIDE: (
        r'test_memoryio\.CStringIOTest\.test_getstate',
        r'test_call\.TestPEP590\.test_setvectorcall',
        r'test_descr\.MroTest\.',
        r'test_property\.PropertySubclassTests\.test_docstring_copy2',  # whether a docstring is that of the getter
        r'test_ordered_dict\..*\.test_issue\d+_\w+_in_key_eq$',  # which of equal keys it compares
        r'test_typing\..*\.test_parameter_added_after_parameters_cached',
    ),
}
_PATTERNS = {
    reason: re.compile('|'.join(f'(?:{pattern})' for pattern in patterns)) for reason, patterns in KNOWN.items()
}


def reason_for(name: str) -> str | None:
    """Return why a case cannot be had; ``None`` if it can.

    :param name: `module.Class.method`.
    """
    return next((reason for reason, pattern in _PATTERNS.items() if pattern.search(name)), None)
