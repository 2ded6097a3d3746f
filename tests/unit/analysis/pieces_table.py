# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs whose last statement is hard to find."""

# Compiled without a tree, as with one.
SAME = [
    "1", "1\n", "\n\n1\n\n", "# c\n1 # d\n# e\n", "x = 1\nx", "x = 1\nx\n  # indented comment\n",
    "'doc'", "'doc'\n'value'", "'''doc'''\n\n__doc__", "'''do\nc'''\nx = 1\nx",
    "x = [\n  1,\n]", "x = [\n  1,\n]\nx", "print(\n)", "{1: 2,\n}\n\n",
    "max(\n  1,\n  2\n)\n#)", "1 + \\\n 2", "x = 2\nx ** \\\n  3",
    "x = 1\r\nx\r\n", "x = [\r\n 1,\r\n]\r\n\r\nx[0]\r\n", "if 1:\r\n\tx = 1\r\nx\r\n",
    "if 1:\n\tx = 1\nx", "if 1:\n  x = 1\n  x", "x = 1\nif x: x", "if 0: x = 1\nelse: x = 2\nx",
    "x = 1\nif x: x; x", "x = 1\nx; x + 1", "x = 1\nx = 2; x", "x = 1\nimport json; x",
    "x = 1\nx = ';'", "x = 1; y = 2\nx; z = 3", "1; 2", "x = 1;", "x = 1\nx;",
    "x = 1\nx if x else 2", "x = 1\n(y := x)", "x = 1\nlambda: x", "x = 1\nlambda y=1: y",
    "x = 1\nx, lambda y=1: y", "x = 1\nnot x", "x = 1\nawait_ = x", "x = 1\nx == 1", "x = 1\nx <= 1",
    "x = 1\nx != 1", "x = 1\nx >= 1", "x = 1\nx += 1", "x = 1\nx **= 2", "x = 8\nx >>= 1\n",
    "a = 1\n*a, b = [1, 2]", "a = [1]\n*a, 1", "a = [1]\n1, *a", "x = 1\nx: int = 2", "x = 1\nx: int",
    "x = {}\nx['a'] = 1", "x = {}\nx['='] = 1", "import ast\nast.x = 1", "x = y = 1\nx = y = 2",
    "def f():\n  return 1\nf()", "def f():\n  return 1\n\n# c\nf\n", "def f():\n  global x\n  x = 1\nf()",
    "def f(): return 1\ndef g():\n  return 2", "class A:\n  x = 1\nA.x", "x = 1\nclass A:\n  y = x",
    "x = 1\nfor y in [x]: y", "for x in [1]:\n  x\nelse_ = 1\n",
    "from __future__ import annotations\ndef f(x: y): pass\nf.__annotations__",
    "from __future__ import annotations\n\ndef f(x: y): pass", "from __future__ import annotations",
    "match = print\nmatch (1)", "match = [1]\nmatch [0]", "type = 1\ntype", "case = _ = 1\ncase",
    "match 1:\n  case 1:\n    x = 1\nx", "x = 1\nmatch x:\n  case 1: x", "with_ = 1\nwith_",
    "async def f():\n  return 1\nawait f()", "await_ = 1\n[x async for x in y]",
    "x = 1\nf'{x=}'", "x = 1\nf'''{x}\n  {x}'''", "x = '''\n  a\n  '''\nx", "x = 1\n...",
    "raise ValueError(1)", "x = 1\n1 / 0", "x = 1\n\n\nraise ValueError(x)", "x = 1\nassert x == 1",
    "x = 1\ndel x", "x = 1\npass", "é = 1\né", "x = 1\né = x", "x = 1\nimport json", "import json, re\n1",
    "x = 1\nfrom json import loads", "# -*- coding: latin-1 -*-\n'é'", "try:\n  x = 1\nfinally:\n  y = 2\nx",
    "global x\nx = 1", "def f():\n  import json\n  def g():\n    import re\nf()\n", "x = 1\n\n \n\t\n",
    "x = 1\n`x`".replace("`", ""), "x = {\n}\nx.update(\n  a=1,\n)\n", "x = 1\n'''a\n  b'''", "print",
]

# There is doubt, an error or a warning: the tree decides.
UNSURE = [
    "from __future__ import barry_as_FLUFL\n1 != 2",
    "f'''\n{1}\n'''",
    "import json\n@str\ndef f(): pass",
    "x = 1\n\\\n  x",
    "x = 1\n\\\n1",
    "(1,\n# c\n2\n)",
    "", "\n", "# c", "   ", "x = 1\n\x0cx", "x = 1\n  \x0cx", "x = 1\rx", "x = 1\r\r\nx", "x = 1\n\0",
    "'''\nfor x''' ", "x = '''\nfor x in y'''", "'''a\n'b' '''", "'''\nx = 1\n'''", "x = '''\na\n'''",
    "(1 +\n2)", "(1,\nif_)", "x = (\nfor_\n)", "@str\ndef f(): pass", "@str\n\nclass A:\n  pass",
    "if 0:\n  1\nelse:\n  2", "try:\n  1\nexcept E:\n  2", "try: 1\nfinally: 2", "while 0: 1\nelse: 2",
    "1 + \\\n2", "x = \\\n1", "x = 1\n \\\nx", "x = 1\n  x", "x = 1\n  # c\n  x", "if 1:\nx", "(", ")", "x = (",
    "x = 1\nx = (", "x = 1\n)", "x = '\n1", "x = 1\nyield x", "return 1", "x = 1\nreturn x", "break",
    "x = 1\nfrom __future__ import annotations", "'''d'''\nfrom __future__ import annotations\n",
    "x = 1\nglobal x", "x = 1\nif x:\n  global x", "from __future__ import barry_as_FLUFL\n1 <> 2",
    "x = 1\n1 is 1", "1 is 1\nx = 1", "1()", "x = 1\n'\\d'", "'\\d'", "'\\d'\nx = (", "'\\d'\n'\\e'\n1",
    "assert (1, 2)", "nonlocal x", "x = 1\nelse: x", "x = 1\ncase 1: x", "\ud800", "x = 1\n\ud800",
    "x = 1\n\ufeffx", "x = 1\n\xa0x", "0777", "x = 1\n0x", "1if 1else 2", "for x in y", "def f(", "lambda x=1",
]
