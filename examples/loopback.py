"""A server and its client in one box, on a network that nobody else is on: loopback.

    pysbctl submit -p loopback examples/loopback.py

It prints:

    200 {"path": "/hello"}
"""
import http.server
import json
import threading
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    threading.Thread(target=server.serve_forever).start()
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/hello") as answer:
        print(answer.status, answer.read().decode())
    server.shutdown()
