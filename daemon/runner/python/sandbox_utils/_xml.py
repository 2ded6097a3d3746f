# SPDX-License-Identifier: LGPL-2.1-or-later
"""XML as dicts, whole or element by element, by the parser of the library (expat), which is told to
declare nothing and to fetch nothing."""

import re
from collections.abc import Iterator

from . import _paths, _streams

DEPTH_MAX = 256
# The parser keeps every name of an element or an attribute until its end.
NAMES_MAX = 10_000
NAME_CHARACTERS_MAX = 1_000_000
SPACE = ' \t\r\n'

# The source of a start tag, and a reference in it to what is not declared by XML itself.
find_tag = re.compile(rb"""[^"'>]*(?:"[^"]*"[^"'>]*|'[^']*'[^"'>]*)*""").match
find_reference = re.compile(rb'&(?!#|(?:amp|lt|gt|quot|apos);)').search


class Builder:
    """Makes dicts of the elements with one name, or of the root."""

    def __init__(self, tag: str | None, where: str) -> None:
        from xml.parsers import expat

        self.tag, self.where = tag, where
        self.stack = []  # (name, content, pieces of text) of the elements that are open, from ours on
        self.depth = 0
        self.names = set()  # of all elements and attributes
        self.name_characters = 0
        self.in_doctype = self.has_external_dtd = False
        self.done = []
        self.raised = None  # in a handler
        self.expat = expat
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        # Else a long default in a DTD, and many elements that do not set it, make any amount of memory
        parser.specified_attributes = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.EntityDeclHandler = self.refuse_declaration
        parser.SkippedEntityHandler = self.refuse_entity
        parser.StartDoctypeDeclHandler = self.doctype
        parser.NotStandaloneHandler = self.refuse_parameter_entity

    def error(self, message: str, line: int, column: int) -> ValueError:
        self.raised = ValueError('%sline %d, column %d: %s' % (self.where, line, column + 1, message))
        return self.raised

    def error_here(self, message: str) -> ValueError:
        parser = self.parser
        return self.error(message, parser.CurrentLineNumber, parser.CurrentColumnNumber)

    def refuse_declaration(self, *declaration) -> None:
        raise self.error_here('entity declarations are refused')

    def refuse_entity(self, name: str, is_parameter: bool) -> None:
        raise self.error_here('the entity &%s; is not declared' % name)

    def doctype(self, name: str, system_id: str | None, public_id: str | None, has_subset: bool) -> None:
        self.in_doctype, self.has_external_dtd = True, system_id is not None

    def refuse_parameter_entity(self) -> int:
        """Behind one the parser would skip declarations without a word. For an external DTD it is called,
        too, but before doctype()."""
        if self.in_doctype:
            raise self.error_here('parameter entities are refused')
        return 1

    def check_references(self) -> None:
        """With an external DTD the parser skips entities in attributes, and no handler is called."""
        tag = find_tag(self.parser.GetInputContext().replace(b'\0', b''))
        if find_reference(tag[0]):
            raise self.error_here('an entity in an attribute is not declared')

    def start(self, name: str, attributes: dict) -> None:
        self.depth += 1
        if self.depth > DEPTH_MAX:
            raise self.error_here('nested more than %d levels deep' % DEPTH_MAX)
        for word in (name, *attributes):
            if word not in self.names:
                self.add_name(word)
        if attributes and self.has_external_dtd:
            self.check_references()
        if self.stack or self.tag is None or name == self.tag:
            self.stack.append((name, {'@' + key: value for key, value in attributes.items()}, []))

    def add_name(self, name: str) -> None:
        self.names.add(name)
        self.name_characters += len(name)
        if len(self.names) > NAMES_MAX or self.name_characters > NAME_CHARACTERS_MAX:
            raise self.error_here('more than %d different names, or %d characters in them'
                                  % (NAMES_MAX, NAME_CHARACTERS_MAX))

    def text(self, piece: str) -> None:
        if self.stack:
            self.stack[-1][2].append(piece)

    def end(self, name: str) -> None:
        self.depth -= 1
        if not self.stack:
            return
        name, content, pieces = self.stack.pop()
        text = ''.join(pieces).strip(SPACE)
        if text and content:
            content['#text'] = text
        value = content or text or None
        if not self.stack:
            self.done.append({name: value})
            return
        parent = self.stack[-1][1]
        if name not in parent:
            parent[name] = value
        elif type(parent[name]) is list:
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]

    def feed(self, piece: str | bytes, is_last: bool) -> list[dict]:
        """The elements that are complete now."""
        try:
            self.parser.Parse(piece, is_last)
        except self.expat.ExpatError as error:
            message = self.expat.ErrorString(error.code)
            raise self.error(message, error.lineno, error.offset) from None
        except UnicodeEncodeError:
            raise ValueError('half of a surrogate pair, which no XML has') from None
        except (LookupError, ValueError) as error:
            if error is self.raised:
                raise error.with_traceback(None)  # which has C files of the parser in it
            raise self.error_here(str(error)) from None  # an encoding that is not there
        done, self.done = self.done, []
        return done


def xml_to_dict(xml_str: str | bytes) -> dict:
    """An XML document as a dict with one key, the name of its root element.

    An attribute is '@name', repeated elements are a list in the place of the first one. An element
    with neither attributes nor elements in it is its text, an empty one None; else its text is
    '#text'. Spaces and line ends around a text go, comments and processing instructions go, names with
    a prefix stay as they are written:

        <r id="1"><a>x</a><a/>t</r>   {'r': {'@id': '1', 'a': ['x', None], '#text': 't'}}

    So an element that may be repeated is a list only if it is: look with isinstance(). Where text
    stood among elements, and how elements of different names were mixed, is lost.

    bytes are decoded as their declaration says, UTF-8 by default; in a str that declaration is ignored.
    ValueError with line and column for what is no XML, for more than 256 levels, for more than 10,000
    different names of elements and attributes, or 1,000,000 characters in them, for every declaration of
    an entity, and for what would need one. Nothing is ever fetched: a DOCTYPE is accepted and its DTD
    ignored, with its defaults of attributes. Memory: the document and its dict.
    """
    if not isinstance(xml_str, (str, bytes)):
        raise TypeError('xml_str must be str or bytes, not %s' % type(xml_str).__name__)
    builder = Builder(None, '')
    # In pieces, since that is what check_references() copies
    pieces = [xml_str[start:start + _streams.PIECE] for start in range(0, len(xml_str), _streams.PIECE)]
    found = [root for piece in pieces for root in builder.feed(piece, False)]
    return (found + builder.feed(xml_str[:0], True))[0]


def iter_xml(file: _paths.Path, tag: str) -> Iterator[dict]:
    """The elements of an XML file with the name `tag`, at any depth, lazily: each as xml_to_dict() would
    give it alone, {tag: ...}. One inside of another one is a part of that and does not come on its own.

    The name is compared as it is written, with its prefix. Errors are those of xml_to_dict(), with the
    name of the file (when they are reached); FileNotFoundError. Memory: one such element, the DTD
    if there is one in the file, the different names, and some 100 KiB; an element of any size, and any
    single comment or attribute, is held whole.
    """
    if not isinstance(tag, str):
        raise TypeError('tag must be the name of an element, not %r' % (tag,))
    return read_elements(_paths.open_file(file, 'rb'), Builder(tag, _streams.name_of(file) + ': '))


def read_elements(stream, builder: Builder) -> Iterator[dict]:
    with stream:
        while piece := stream.read(_streams.PIECE):
            yield from builder.feed(piece, False)
        yield from builder.feed(b'', True)
