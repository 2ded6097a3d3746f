"""A small database, since the whole standard library is there: default.

    pysbctl submit examples/default.py

It prints:

    Ada wrote 2 of 3 notes
"""
import sqlite3

database = sqlite3.connect("notes.db")
database.execute("CREATE TABLE notes (author TEXT, text TEXT)")
database.executemany("INSERT INTO notes VALUES (?, ?)",
                     [("Ada", "The engine weaves"), ("Charles", "It is late"), ("Ada", "Note G")])

author, count = database.execute(
    "SELECT author, count(*) AS n FROM notes GROUP BY author ORDER BY n DESC").fetchone()
total, = database.execute("SELECT count(*) FROM notes").fetchone()
print(f"{author} wrote {count} of {total} notes")
