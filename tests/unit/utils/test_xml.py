#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sandbox_utils.formats: XML, what is refused and how. Large files: test_streams.py."""

import json

import load
from load import tap
from sandbox_utils import iter_json, iter_xml, xml_to_dict


class Xml(load.Rooted):
    def refused(self, message, function, *arguments, **keywords):
        """A ValueError with exactly this message, at the call or when an iterator gets there."""
        with self.assertRaises(ValueError) as caught:
            result = function(*arguments, **keywords)
            if not isinstance(result, (str, dict, type(None))):
                list(result)
        self.assertEqual(str(caught.exception), message)
        self.assertIs(type(caught.exception), ValueError)

    def test_shape(self):
        """attributes, text, lists; an empty element is None"""
        text = '<r id="1"><item>a</item><item b="2"/><item/><item x="y">z</item> <x> \n</x>t<!--c--><?p i?>u</r>'
        self.assertEqual(xml_to_dict(text), {"r": {
            "@id": "1", "item": ["a", {"@b": "2"}, None, {"@x": "y", "#text": "z"}], "x": None, "#text": "tu"}})
        self.assertEqual(list(xml_to_dict("<r><b/><a/><b/></r>")["r"].items()), [("b", [None, None]), ("a", None)])
        self.assertEqual(xml_to_dict("<a/>"), {"a": None})
        self.assertEqual(xml_to_dict("<a>&lt;&#228;<![CDATA[<&]]></a>"), {"a": "<ä<&"})

    def test_unicode_and_crlf(self):
        """names and text of any language; CRLF is one line end, as XML says; other spaces stay"""
        self.assertEqual(xml_to_dict("<ключ а='б'>\r\n\u3000日\r\n本🙂 </ключ>"),
                         {"ключ": {"@а": "б", "#text": "\u3000日\n本🙂"}})

    def test_large(self):
        """100,000 elements, and a text of 1 MB in many pieces"""
        self.assertEqual(len(xml_to_dict("<r>" + "<i a='1'>x</i>\r\n" * 100_000 + "</r>")["r"]["i"]), 100_000)
        self.assertEqual(xml_to_dict("<r>" + "&lt;ä\n" * 300_000 + "</r>")["r"], ("<ä\n" * 300_000).strip())
        values = [{f"n{n % 10}": [n, "ä"]} for n in range(30_000)]
        self.write("a.json", json.dumps(values))
        self.assertEqual(list(iter_json("a.json")), values)

    def test_encodings(self):
        """bytes are read as they say; in a str the declaration does not count"""
        for name in "utf-8", "utf-16", "iso-8859-1", "windows-1252":
            data = f'<?xml version="1.0" encoding="{name}"?><a>é</a>'
            self.assertEqual(xml_to_dict(data.encode(name)), {"a": "é"})
            self.assertEqual(xml_to_dict(data), {"a": "é"})
        self.assertEqual(xml_to_dict("<a>é</a>".encode("utf-8-sig")), {"a": "é"})
        self.refused("line 1, column 31: unknown encoding: x", xml_to_dict, b'<?xml version="1.0" encoding="x"?><a/>')
        self.refused("line 1, column 4: not well-formed (invalid token)", xml_to_dict, b"<a>\xff</a>")

    def test_names(self):
        """names with a prefix stay as they are written"""
        self.assertEqual(xml_to_dict('<p:a xmlns:p="u" p:b="c"/>'), {"p:a": {"@xmlns:p": "u", "@p:b": "c"}})

    def test_entities(self):
        """entity declarations are refused, all of them; nothing is fetched"""
        self.write("secret", "secret")
        here = "file://" + self.path("secret")
        for declaration in ('<!ENTITY x "y">', f'<!ENTITY x SYSTEM "{here}">', f'<!ENTITY % x SYSTEM "{here}"> %x;',
                            '<!ENTITY % x "y">', f'<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "{here}" NDATA n>',
                            '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'):
            text = f"<!DOCTYPE r [{declaration}]><r>&x;</r>"
            with self.assertRaisesRegex(ValueError, r"^line 1, column \d+: entity declarations are refused$"):
                xml_to_dict(text)
            self.write("a.xml", text)
            with self.assertRaisesRegex(ValueError, r"^'a.xml': line 1, column \d+: entity declarations are refused"):
                list(iter_xml("a.xml", "r"))
        for text, problem in (
                ("<r>&x;</r>", "4: undefined entity"),
                (f'<!DOCTYPE r SYSTEM "{here}"><r>&x;</r>', "%d: the entity &x; is not declared" % (len(here) + 26)),
                ("<!DOCTYPE r [%x;]><r/>", "14: parameter entities are refused"),
                ('<!DOCTYPE r [%x;<!ENTITY y "z">]><r>&y;</r>', "14: parameter entities are refused"),
                ('<!DOCTYPE r SYSTEM "x" [%x;]><r/>', "25: parameter entities are refused"),
                ('<!DOCTYPE r SYSTEM "x"><r a="1&foo;2"/>', "24: an entity in an attribute is not declared"),
                ("<!DOCTYPE r SYSTEM 'x'><r a='>' b='&amp;&f;'/>", "24: an entity in an attribute is not declared"),
                ('<!DOCTYPE r PUBLIC "p" "x"><r a="&foo;"/>', "28: an entity in an attribute is not declared")):
            self.refused("line 1, column " + problem, xml_to_dict, text)

    def test_references_with_external_dtd(self):
        """what needs no declaration is no reference to one, in any encoding and anywhere in the text"""
        text = """<?xml version="1.0" encoding="%s"?><!DOCTYPE r SYSTEM 'x'>\
<r>%s<i a='"&#62;&amp;>' b="'/>"/><!--&x;--><![CDATA[&x;]]></r>"""
        for encoding in "utf-8", "utf-16", "iso-8859-1":
            for size in 10, 70_000, 3_000_000:
                data = (text % (encoding, "x" * size)).encode(encoding)
                self.assertEqual(xml_to_dict(data), {"r": {"i": {"@a": '">&>', "@b": "'/>"}, "#text": "x" * size + "&x;"}})
                with self.assertRaisesRegex(ValueError, "an entity in an attribute is not declared$"):
                    xml_to_dict((text % (encoding, "x" * size)).replace("&#62;", "&y;").encode(encoding))

    def test_doctype(self):
        """a DOCTYPE is accepted, its DTD ignored: also its defaults, which could be many times as large"""
        self.assertEqual(xml_to_dict('<!DOCTYPE html PUBLIC "-//W3C//DTD" "http://127.0.0.1:9/x.dtd"><html/>'),
                         {"html": None})
        self.assertEqual(xml_to_dict('<!DOCTYPE r [<!ATTLIST a x CDATA "d">]><r><a/><a x="1"/></r>'),
                         {"r": {"a": [None, {"@x": "1"}]}})

    def test_depth(self):
        """256 levels and no more"""
        self.assertIn("a", xml_to_dict("<a>" * 256 + "</a>" * 256))
        self.refused("line 1, column 769: nested more than 256 levels deep", xml_to_dict, "<a>" * 257)
        self.write("a.xml", "<a>" * 257)
        self.refused("'a.xml': line 1, column 769: nested more than 256 levels deep", iter_xml, "a.xml", "b")

    def test_names_max(self):
        """10,000 different names, 1,000,000 characters in them, and no more: the parser keeps each of them"""
        self.assertEqual(len(xml_to_dict("<r>" + "".join(f"<e{n}/>" for n in range(9999)) * 2 + "</r>")["r"]), 9999)
        for elements in (f"<e{n}/>" for n in range(20_000)), (f"<e a{n}='x'/>" for n in range(20_000)), \
                (f"<{'e' * 1000}{n}/>" for n in range(2000)):
            self.write("a.xml", "<r>" + "".join(elements) + "</r>")
            with self.assertRaisesRegex(ValueError, "more than 10000 different names, or 1000000 characters in them$"):
                list(iter_xml("a.xml", "r"))

    def test_malformed(self):
        """with line and column; other types are TypeErrors"""
        for text, problem in (("", "line 1, column 1: no element found"),
                              ("<a>\n<b></a>", "line 2, column 6: mismatched tag"),
                              ("<a/><b/>", "line 1, column 5: junk after document element"),
                              ("<a b='1' b='2'/>", "line 1, column 10: duplicate attribute"),
                              ("\ud800", "half of a surrogate pair, which no XML has")):
            self.refused(problem, xml_to_dict, text)
        for value in None, 1, ["<a/>"]:
            with self.assertRaisesRegex(TypeError, "^xml_str must be str or bytes, not"):
                xml_to_dict(value)

    def test_iter(self):
        """the elements of one name, outermost ones, at any depth; also the root"""
        self.write("a.xml", '<r><i id="1">ä</i>x<j><i><i>in</i></i></j>\r\n<k/></r>'.encode("utf-8-sig"))
        self.assertEqual(list(iter_xml("a.xml", "i")), [{"i": {"@id": "1", "#text": "ä"}}, {"i": {"i": "in"}}])
        self.assertEqual(list(iter_xml("a.xml", "k")), [{"k": None}])
        self.assertEqual(list(iter_xml("a.xml", "nosuch")), [])
        self.assertEqual(list(iter_xml("a.xml", "r")), [xml_to_dict(self.read("a.xml"))])
        self.write("a.xml", "<r><i/>\n<i>")
        elements = iter_xml("a.xml", "i")
        self.assertEqual(next(elements), {"i": None})
        self.refused("'a.xml': line 2, column 4: no element found", lambda: elements)
        self.write("a.xml", "")
        self.refused("'a.xml': line 1, column 1: no element found", iter_xml, "a.xml", "i")
        with self.assertRaisesRegex(TypeError, "^tag must be the name of an element, not None"):
            iter_xml("a.xml", None)


if __name__ == "__main__":
    tap.run(Xml)
