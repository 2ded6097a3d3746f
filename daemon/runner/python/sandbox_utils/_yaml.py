# SPDX-License-Identifier: LGPL-2.1-or-later
"""YAML as what JSON can say. The package yaml only scans, composes and resolves plain scalars, by its
SafeLoader in Python; the values are made here, after a look at how large they become."""

import binascii
import functools
import json
import math
from collections.abc import Iterator

from . import _json_stream, _paths, _streams

DEPTH_MAX = 100
# By how many nodes and characters aliases may make a document larger than it is written.
EXPANSION_MAX = 1_000_000

TAG = 'tag:yaml.org,2002:'
MERGE = TAG + 'merge'
VALUE = TAG + 'value'  # "=", which YAML 1.1 meant to be something once
KINDS = {
    'sequence': tuple(TAG + name for name in ('seq', 'omap', 'pairs')),
    'mapping': tuple(TAG + name for name in ('map', 'set')),
}
OTHER_LINE_ENDS = set('\x85\u2028\u2029')
COLLECTIONS = KINDS['sequence'] + KINDS['mapping']


def import_yaml():
    try:
        import yaml
    except ModuleNotFoundError:
        raise ModuleNotFoundError('YAML needs a profile with packages = ["yaml"], and python3-yaml on '
                                  'its host', name='yaml') from None
    return yaml


def refuse(node, problem: str) -> None:
    raise ValueError('line %d, column %d: %s' % (node.start_mark.line + 1, node.start_mark.column + 1,
                                                 problem))


@functools.cache
def loader_class():
    class Loader(import_yaml().SafeLoader):
        """Composes nodes, not too deep."""

        depth = 0

        def compose_node(self, parent, index):
            self.depth += 1
            if self.depth > DEPTH_MAX:
                refuse(self.peek_event(), 'nested more than %d levels deep' % DEPTH_MAX)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def scan_flow_scalar(self, style):
            try:
                token = super().scan_flow_scalar(style)
                token.value.encode()
            except (ValueError, OverflowError):
                raise ValueError('line %d: a text in quotes has an escape that is no character'
                                 % (self.line + 1)) from None
            return token

    return Loader


@functools.cache
def dumper_class():
    class Dumper(import_yaml().SafeDumper):
        """Writes a text with other line ends than \\n with escapes: in single quotes it would lose them."""

        def represent_str(self, text):
            style = '"' if OTHER_LINE_ENDS & set(text) else None
            return self.represent_scalar(TAG + 'str', text, style=style)

    Dumper.add_representer(str, Dumper.represent_str)
    return Dumper


class Document:
    """One document: its nodes are checked, then made into values."""

    def __init__(self, loader, root) -> None:
        self.loader, self.root = loader, root
        self.sizes = {}  # node -> (nodes and characters with all aliases expanded, levels)
        self.written = 0  # nodes and characters as they are written
        self.values = {}

    def scalar(self, node) -> object:
        """What JSON has for it: null, true, false, a number or a text."""
        if node.tag in (MERGE, VALUE):
            return node.value
        try:
            value = self.loader.construct_object(node)
        except Exception:  # the constructors expect what their regular expressions would match
            refuse(node, '%.50r is no value of %s' % (node.value, node.tag.replace(TAG, '!!')))
        if isinstance(value, float) and not math.isfinite(value):
            refuse(node, '%s is no number of JSON' % node.value)
        if isinstance(value, bytes):
            return binascii.b2a_base64(value, newline=False).decode()
        if hasattr(value, 'isoformat'):
            return value.isoformat()
        return value

    def key(self, node) -> str:
        if node.id != 'scalar':
            refuse(node, 'a list or an object is no key of JSON')
        value = self.scalar(node)
        return value if isinstance(value, str) else json.dumps(value)

    def check_keys(self, node) -> None:
        keys = set()
        for key_node, _ in node.value:
            if key_node.tag != MERGE:
                key = self.key(key_node)
                if key in keys:
                    refuse(key_node, 'the key %.50r is there twice' % key)
                keys.add(key)

    def check(self, node) -> tuple[int, int]:
        """(size, levels) of a node, which is refused if they are too large, it has itself in it, or JSON
        has nothing like it. Aliases come behind what they stand for: this calls itself no deeper than
        the document is written."""
        if node in self.sizes:
            if not self.sizes[node]:
                refuse(node, 'contains itself by an alias')
            return self.sizes[node]
        self.sizes[node] = None
        own, children = 1, ()
        if (node.tag not in KINDS[node.id]) if node.id in KINDS else (node.tag in COLLECTIONS):
            refuse(node, 'JSON has nothing for the tag %s of a %s' % (node.tag.replace(TAG, '!!'), node.id))
        if node.id == 'scalar':
            own += len(node.value)
        elif node.id == 'sequence':
            children = node.value
        else:
            self.check_keys(node)
            children = [child for pair in node.value for child in pair]
        self.written += own
        sizes = [self.check(child) for child in children]
        size = own + sum(size for size, _ in sizes)
        levels = 1 + max((levels for _, levels in sizes), default=0)
        if size > self.written + EXPANSION_MAX:
            refuse(node, 'its aliases expand to more than %d nodes and characters' % EXPANSION_MAX)
        if levels > DEPTH_MAX:
            refuse(node, 'nested more than %d levels deep' % DEPTH_MAX)
        self.sizes[node] = size, levels
        return self.sizes[node]

    def build(self, node) -> object:
        if node not in self.values:
            self.values[node] = self.build_new(node)
        return self.values[node]

    def build_new(self, node) -> object:
        if node.id == 'sequence':
            return [self.build(child) for child in node.value]
        if node.id == 'scalar':
            return self.scalar(node)
        self.loader.flatten_mapping(node)
        return {self.key(key): self.build(value) for key, value in node.value}

    def value(self) -> object:
        self.check(self.root)
        value = self.build(self.root)
        self.loader.constructed_objects.clear()  # else it would keep all nodes of a stream
        return value


def explain(error) -> str:
    """An error of the package in one line."""
    mark = getattr(error, 'problem_mark', None)
    if mark:
        return 'line %d, column %d: %s' % (mark.line + 1, mark.column + 1, error.problem)
    if hasattr(error, 'character'):
        return 'character %d: %s' % (error.position + 1, error.reason)
    return ' '.join(str(error).split())


def read_documents(source, where: str = '') -> Iterator[object]:
    """The values of all documents of a text or a stream of text."""
    yaml = import_yaml()
    try:
        loader = loader_class()(source)
        while loader.check_node():
            yield Document(loader, loader.get_node()).value()
    except yaml.YAMLError as error:
        raise ValueError(where + explain(error)) from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise ValueError(where + str(error)) from None


def yaml_to_json(yaml_str: str) -> str:
    """The text of one YAML document as JSON text: keys in their order, Unicode as it is, one line.

    What JSON does not have: dates and times become their ISO text, !!binary the base64 text; keys that
    are no text become it (true, 1, null); !!set is an object of nulls, !!omap a list of objects with
    one key. Aliases and merge keys (<<) are expanded. An empty text is null. Scalars are those of YAML
    1.1: yes, no, on and off are true and false.

    ValueError with line and column for what is no YAML and for .nan and .inf, other tags (!!python/...
    included: nothing but JSON's types is ever made), half of a surrogate pair as an escape (so that JSON's
    "\\ud83d\\ude00" is refused, YAML has "\\U0001f600" for it), a key that is there twice, an alias inside
    of what it stands for, more than 100 levels, aliases that make the document larger by more than
    1,000,000 nodes and characters ("billion laughs"), and a second document (iter_yaml() reads several, of a
    file). ModuleNotFoundError in a profile without the package yaml. Memory: some 200
    times the text. It is slow, too: 50 to 100 KB in a second.
    """
    if not isinstance(yaml_str, str):
        raise TypeError('yaml_str must be str, not %s' % type(yaml_str).__name__)
    documents = read_documents(yaml_str)
    value = next(documents, None)
    for _ in documents:
        raise ValueError('more than one document, and JSON has only one value: iter_yaml() reads several')
    return dump_json(value)


def dump_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError as error:  # an int in hexadecimal with more digits than Python prints
        raise ValueError(str(error)) from None


def check_levels(value: object, level: int = 1) -> None:
    if level > DEPTH_MAX:
        raise ValueError('nested more than %d levels deep' % DEPTH_MAX)
    if isinstance(value, (list, dict)):
        for child in value.values() if isinstance(value, dict) else value:
            check_levels(child, level + 1)


def json_to_yaml(json_str: str) -> str:
    """JSON text as YAML text in block style: keys in their order, Unicode as it is, long lines not folded.

    Text that would be read as something else is in quotes. ValueError for what is no JSON, with line and
    column, for NaN, Infinity and numbers that no float can be, a key twice in an object, and more than
    100 levels, values in the innermost list counted, as yaml_to_json() has it; ModuleNotFoundError in a profile
    without the package yaml. Memory: the value, its nodes and the text.
    """
    if not isinstance(json_str, str):
        raise TypeError('json_str must be str, not %s' % type(json_str).__name__)
    yaml = import_yaml()
    value = _json_stream.parse(json_str.removeprefix('\ufeff'))
    check_levels(value)
    try:
        return yaml.dump(value, Dumper=dumper_class(), sort_keys=False, allow_unicode=True,
                         default_flow_style=False, width=1 << 30)
    except RecursionError:
        raise ValueError('nested too deeply') from None


def iter_yaml(file: _paths.Path) -> Iterator[object]:
    """The documents of a YAML file, lazily, each as the value of what yaml_to_json() would give for it.

    ValueError with file, line and column as there (when it is reached); ModuleNotFoundError in a
    profile without the package yaml; FileNotFoundError. Memory: one document, some 200 times its text. As
    slow as yaml_to_json(): a file of 1 MB takes 10 to 20 seconds.
    """
    import_yaml()
    return read_file(_streams.open_text(file), _streams.name_of(file))


def read_file(stream, name: str) -> Iterator[object]:
    with _streams.reading(stream, name):
        yield from read_documents(stream, name + ': ')
