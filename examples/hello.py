"""Says where it runs. Try: ./dev run examples/hello.py"""
import os
import platform
import socket
import sys


def attempt(what, function):
    """Tries something that a program in a sandbox has no business with."""
    try:
        return f"{what}: {function()}"
    except Exception as error:
        return f"{what}: refused ({type(error).__name__}: {error})"


print(f"Hello from Python {platform.python_version()}!")
print(f"I am process {os.getpid()} with uid {os.getuid()} on a host called {socket.gethostname()!r}.")
print(f"The root directory has {', '.join(sorted(os.listdir('/')))}; I am in {os.getcwd()}.")

with open("notes.txt", "w") as notes:
    notes.write("files in /app are mine")
print(f"I can keep files: {open('notes.txt').read()}.")

print(attempt("The password file", lambda: open("/etc/shadow").readline()))
print(attempt("The network", lambda: socket.create_connection(("192.0.2.1", 80), 1)))
print(attempt("Another process", os.fork))

if len(sys.argv) > 1:
    print(f"You said: {' '.join(sys.argv[1:])}")
