# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values as JSON. Frozen into the program as `_encode`; docs/RESULTS.md is the table for readers.

What JSON has is taken as it is, by the encoder of the library, in C. What has one obvious form as
text, number or list takes that. The rest becomes an object with one key that begins with `$`. Nothing
is imported for it: a value of numpy can only be there if the program has imported numpy.
"""

import binascii
import json
import sys

DEPTH_MAX = 100
DATAFRAME_ROWS_MAX = 1000
ARRAY_ELEMENTS_MAX = 100_000

SCALARS = (bool, int, str, type(None))


class ResultNotEncodable(TypeError):
    """A value that has no form as JSON."""

    __module__ = '_sandbox'


class ResultTooLarge(ValueError):
    """A value whose JSON text is longer than the limit of the job allows."""

    __module__ = '_sandbox'


def name_class(kind):
    """As tracebacks name it. A metaclass of the program may raise anything here."""
    try:
        module, name = kind.__module__, kind.__qualname__
    except Exception:
        module = name = None
    if type(name) is not str:
        name = type.__dict__['__qualname__'].__get__(kind)
    # Where it is no text, it is something of the program, with an address in it.
    if type(module) is str and module not in ('builtins', '__main__'):
        name = f'{module}.{name}'
    return name if name.isprintable() else repr(name)[1:-1]


def encode_bytes(value):
    return {'$bytes': binascii.b2a_base64(bytes(value), newline=False).decode()}


def encode_complex(value):
    return {'$complex': [value.real, value.imag]}


def encode_set(value):
    try:
        return sorted(value)
    except TypeError:
        return list(value)


def encode_timedelta(value):
    """An ISO 8601 duration in days and seconds, as pandas writes it. Pandas has nanoseconds, too."""
    usec = (value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds
    nsec = usec * 1000 + getattr(value, 'nanoseconds', 0)
    sign, nsec = ('-', -nsec) if nsec < 0 else ('', nsec)
    minutes, nsec = divmod(nsec, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    seconds, nsec = divmod(nsec, 1_000_000_000)
    fraction = f'.{nsec:09}'.rstrip('0') if nsec else ''
    return f'{sign}P{days}DT{hours}H{minutes}M{seconds}{fraction}S'


def encode_enum(value):
    return value.value


def encode_isoformat(value):
    return value.isoformat()


def encode_nothing(value):
    return None


def encode_dataclass(value):
    fields = sys.modules['dataclasses'].fields(value)  # neither ClassVar nor InitVar
    return {field.name: getattr(value, field.name) for field in fields}


def encode_array(array):
    """Nested lists. Times have no other form in numpy than numbers of some unit."""
    if array.size > ARRAY_ELEMENTS_MAX:
        raise ResultTooLarge(f'the result has an array of {array.size} elements, at most '
                             f'{ARRAY_ELEMENTS_MAX} are returned: return a part or a summary of it')
    kind = array.dtype.kind
    if kind in 'mM':
        array = array.astype('datetime64[us]' if kind == 'M' else 'timedelta64[us]')
    return array.tolist()


def encode_numpy_scalar(value):
    if value.dtype.kind in 'mM':
        return encode_array(value)
    plain = value.item()
    return float(plain) if type(plain) is type(value) else plain  # longdouble


def name_dtype(dtype):
    """As pandas reads it again; of categories an object, for their name does not say what they are."""
    if hasattr(dtype, 'categories'):
        return {'categories': list_values(dtype.categories),
                'dtype': name_dtype(dtype.categories.dtype), 'ordered': bool(dtype.ordered)}
    zone = getattr(dtype, 'tz', None)
    if zone is None:
        return str(dtype)
    name = getattr(zone, 'zone', None) or getattr(zone, 'key', None)
    if not name:  # an offset, or nothing that has a name: the values carry their offsets
        offset = zone.utcoffset(None)
        name = 'UTC' if offset is None else 'UTC' + name_offset(offset)
    return f'datetime64[{dtype.unit}, {name}]'


def name_offset(offset):
    minutes = (offset.days * 86400 + offset.seconds) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def list_values(values):
    """The values of a Series or Index, None for the missing ones; intervals as pairs."""
    dtype = getattr(values.dtype, 'categories', values).dtype
    if getattr(dtype, 'kind', '') == 'c':
        return values.tolist()  # null would lose the other part
    items = [None if missing else item
             for item, missing in zip(values.tolist(), values.isna().tolist())]
    if hasattr(dtype, 'closed'):
        return [item if item is None else [item.left, item.right] for item in items]
    return items


def describe_axis(name, index):
    unnamed = index.set_names([None] * index.nlevels)  # a name may be a number, too
    levels = [unnamed.get_level_values(i) for i in range(index.nlevels)]
    values = [list_values(level) for level in levels]
    return {name: list(zip(*values)) if len(values) > 1 else values[0],
            f'{name}Names': list(index.names),
            f'{name}Dtypes': [name_dtype(level.dtype) for level in levels]}


def encode_dataframe(frame):
    rows = frame.head(DATAFRAME_ROWS_MAX)
    columns = [rows.iloc[:, i] for i in range(rows.shape[1])]
    return {'$dataframe': {
        **describe_axis('columns', rows.columns),
        **describe_axis('index', rows.index),
        'data': list(zip(*map(list_values, columns))) if columns else [[]] * len(rows),
        'dtypes': [name_dtype(column.dtype) for column in columns],
        'rows': len(frame),
    }}


def encode_series(series):
    rows = series.head(DATAFRAME_ROWS_MAX)
    return {'$series': {
        'name': rows.name,
        **describe_axis('index', rows.index),
        'data': list_values(rows),
        'dtype': name_dtype(rows.dtype),
        'rows': len(series),
    }}


# By the name of the class or of one that it inherits from, the first one counts.
CONVERTERS = {
    'builtins.bytes': encode_bytes,
    'builtins.bytearray': encode_bytes,
    'builtins.memoryview': encode_bytes,
    'builtins.complex': encode_complex,
    'builtins.set': encode_set,
    'builtins.frozenset': encode_set,
    'builtins.range': list,
    'builtins.dict_keys': list,
    'builtins.dict_values': list,
    'builtins.dict_items': list,
    'builtins.mappingproxy': dict,
    'array.array': list,
    'collections.deque': list,
    'datetime.datetime': encode_isoformat,
    'datetime.date': encode_isoformat,
    'datetime.time': encode_isoformat,
    'datetime.timedelta': encode_timedelta,
    'decimal.Decimal': str,
    'enum.Enum': encode_enum,
    'fractions.Fraction': str,
    'numpy.generic': encode_numpy_scalar,
    'numpy.ndarray': encode_array,
    'pandas._libs.interval.Interval': str,
    'pandas._libs.missing.NAType': encode_nothing,
    'pandas._libs.tslibs.nattype.NaTType': encode_nothing,
    'pandas._libs.tslibs.period.Period': str,
    'pandas.core.frame.DataFrame': encode_dataframe,
    'pandas.core.indexes.base.Index': list,
    'pandas.core.series.Series': encode_series,
    'pathlib.PurePath': str,
    'pathlib._local.PurePath': str,
    'uuid.UUID': str,
}

HINTS = {
    'coroutine': 'await it',
    'function': 'call it',
    'generator': 'make a list of it',
    'builtin_function_or_method': 'call it',
    'method': 'call it',
}


def find_converter(kind):
    for base in kind.__mro__:
        converter = CONVERTERS.get(f'{base.__module__}.{base.__qualname__}')
        if converter:
            return converter
    return encode_dataclass if hasattr(kind, '__dataclass_fields__') else None


def describe(error):
    """Its class and the beginning of what it says; a class of the program may raise anything here."""
    try:
        text = str(error)[:200]
    except Exception:
        text = ''
    return name_class(type(error)) + (text and f': {text}')


def convert(value):
    """One step towards what JSON has; what comes of it may need another."""
    kind = type(value)
    try:
        converter = find_converter(kind)
        if converter:
            return converter(value)
    except (ResultTooLarge, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise ResultNotEncodable(f'{name_class(kind)}, which raised {describe(error)}') from error
    hint = HINTS.get(kind.__name__, 'make numbers, text, lists or dicts of it')
    raise ResultNotEncodable(f'{name_class(kind)}: {hint}')


FAST = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=convert).encode
ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, default=convert).encode


def dump(value):
    try:
        return FAST(value).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can carry
        return ASCII(value).encode()


def is_too_deep(data):
    """Whether a valid JSON text nests deeper than DEPTH_MAX. Brackets in strings do not count."""
    if data.count(b'[') + data.count(b'{') <= DEPTH_MAX:
        return False
    data = data.replace(b'\\\\', b'').replace(b'\\"', b'')
    data = b''.join(data.split(b'"')[::2]).replace(b'{', b'[').replace(b'}', b']')
    data = data.translate(None, bytes(set(range(256)) - set(b'[]')))
    for _ in range(DEPTH_MAX):
        data = data.replace(b'[]', b'')
    return data != b''


def check_pairs(pairs):
    if len(pairs) > len(dict(pairs)):
        raise ValueError


def check_keys(data):
    """Raises ValueError if an object of a valid JSON text has a key twice.

    {1: 2, '1': 3} has; so may dicts and texts of classes of the program, whatever the keys look like.
    """
    if b', "' in data and b'": ' in data:
        json.loads(data, object_pairs_hook=check_pairs, parse_int=bool, parse_float=bool)


class Flattener:
    """The slow way: for what the fast one has refused, and to say where in the value that is."""

    def __init__(self, max_bytes):
        self.max_bits = max_bytes * 10 // 3 + 64  # of an integer with so many digits
        self.path = ['$']
        self.containers = set()

    def where(self):
        """A huge key says no more than its beginning."""
        return ''.join(step[:40] for step in self.path)[:400]

    def refuse(self, what):
        raise ResultNotEncodable(f'cannot encode a value of type {what}') from None

    def flatten(self, value):
        """value as None, bool, int, float, str, list and dict."""
        if isinstance(value, float):
            value = float(value)  # numpy's would warn
            return value if value - value == 0 else {'$float': repr(value)}
        if isinstance(value, SCALARS):
            self.check_bits(value)
            return value
        if id(value) in self.containers:
            raise ResultNotEncodable(f'the value at {self.where()} contains itself')
        if len(self.containers) == DEPTH_MAX:
            raise ResultNotEncodable(f'the value nests deeper than {DEPTH_MAX} levels')
        self.containers.add(id(value))
        plain = self.flatten_container(value)
        self.containers.discard(id(value))
        return plain

    def check_bits(self, value):
        if isinstance(value, int) and value.bit_length() > self.max_bits:
            raise ResultTooLarge('the result has an integer of '
                                 f'{value.bit_length()} bits at {self.where()}')

    def flatten_dict(self, value):
        plain = {}
        for key, item in value.items():
            text = self.flatten_key(key)
            if text in plain:
                raise ResultNotEncodable(f'the dict at {self.where()} has two keys that are '
                                         f'{json.dumps(text)[:100]} as JSON')
            plain[text] = self.flatten_item(text, item)
        return plain

    def flatten_container(self, value):
        if isinstance(value, dict):
            return self.flatten_dict(value)
        if isinstance(value, (list, tuple)):
            return [self.flatten_item(i, item) for i, item in enumerate(value)]
        try:
            plain = convert(value)
        except ResultNotEncodable as error:
            what, _, hint = str(error).partition(': ')
            self.refuse(f'{what} at {self.where()}' + (hint and f': {hint}'))
        return self.flatten(plain)

    def flatten_item(self, key, item):
        self.path.append(f'.{key}' if isinstance(key, str) else f'[{key}]')
        plain = self.flatten(item)
        self.path.pop()
        return plain

    def flatten_key(self, key):
        """key as text, as json.dumps() has it where it takes the key."""
        plain = key
        if not isinstance(key, (*SCALARS, float)) and find_converter(type(key)):
            plain = convert(key)
        if isinstance(plain, float):
            return json.dumps(float(plain))
        if not isinstance(plain, (*SCALARS, float)):
            self.refuse(f'{name_class(type(key))} as a key of the dict at {self.where()}: '
                        'JSON has only text')
        self.check_bits(plain)
        # A class of the program may say that its text is unlike every other.
        return str.__str__(plain) if isinstance(plain, str) else json.dumps(plain)


def encode_slowly(value, max_bytes):
    digits = sys.get_int_max_str_digits()
    try:
        sys.set_int_max_str_digits(0)  # the Flattener knows how long they may be
        plain = Flattener(max_bytes).flatten(value)
        return dump(plain)
    except RecursionError:
        raise ResultNotEncodable('the value nests too deeply') from None
    finally:
        sys.set_int_max_str_digits(digits)


def encode_in_memory(value, max_bytes):
    try:
        data = dump(value)
        if is_too_deep(data):
            raise RecursionError
        check_keys(data)
    except (TypeError, ValueError, RecursionError):
        data = encode_slowly(value, max_bytes)
    return data


def encode(value, max_bytes=sys.maxsize):
    """JSON text in UTF-8. Raises ResultNotEncodable, or ResultTooLarge above max_bytes."""
    if type(value) in (str, bytes, bytearray) and len(value) > max_bytes:
        raise ResultTooLarge(f'the result has at least {len(value) + 2} bytes of JSON, '
                             f'limits.resultBytes leaves {max_bytes}')
    try:
        data = encode_in_memory(value, max_bytes)
    except MemoryError:
        raise ResultTooLarge('the memory that the job has left is too small for the JSON text '
                             'of the result') from None
    if len(data) > max_bytes:
        raise ResultTooLarge(f'the result has {len(data)} bytes of JSON, '
                             f'limits.resultBytes leaves {max_bytes}')
    return data
