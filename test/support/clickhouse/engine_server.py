"""ClickHouse's engine, from the package chdb-core, behind the part of its HTTP interface that tests use.

The engine is the server's own: parser, types, tables, files on disk. What this file adds stands in for the server's HTTP
handler: the query in `?query=` or in the body, data behind it, FORMAT, the header of an exception's code and its status,
basic authentication, TLS, `max_query_size`. Other parameters of the URL have no effect, nor have users and grants.

Usage: engine_server.py PORT DATA_FOLDER [USER:PASSWORD [CERTIFICATE KEY]]
"""

import base64
import hmac
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb.state.sqlitelike import Connection

INSERT = re.compile(r"^(\s*INSERT\s.*?)\sFORMAT\s+(\w+)\s*$", re.IGNORECASE | re.DOTALL)
CODE = re.compile(r"Code: (\d+)\.")
# As exceptionCodeToHTTPStatus in the server's source.
STATUS = {60: 404, 81: 404, 516: 401, 497: 403, 62: 400, 46: 404, 115: 404, 241: 500}

port, folder = int(sys.argv[1]), sys.argv[2]
login = sys.argv[3] if len(sys.argv) > 3 else ""
local = threading.local()


def connection(size=None):
    """One for each thread, and so for each connection of a client. `size`: of the longest query."""
    if not hasattr(local, "connection"):
        local.connection, local.size = Connection(folder), None
    if size != local.size and size is not None:
        local.connection.query(f"SET max_query_size = {int(size)}")
        local.size = size
    return local.connection


def insert(statement, name, data):
    stream = connection().send_insert(statement, name)
    try:
        stream.append(data)
        stream.finish()
    except BaseException:
        stream.cancel()
        raise
    return b""


def answer(query, body):
    match = INSERT.match(query)
    if match:
        return insert(match.group(1), match.group(2), body) if body else b""
    sql = (query + "\n" if query else "") + body.decode()
    result = connection().query(sql.strip().rstrip(";"), "TabSeparated")
    return result.bytes() if result is not None else b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        path = urlsplit(self.path)
        if path.path == "/ping":
            return self.reply(200, b"Ok.\n")
        self.serve(path)

    def do_POST(self):
        self.serve(urlsplit(self.path))

    def serve(self, path):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        given = self.headers.get("authorization", "")
        expected = "Basic " + base64.b64encode(login.encode()).decode()
        if login and not hmac.compare_digest(given, expected):
            return self.refuse("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")
        parameters = parse_qs(path.query)
        query = parameters.get("query", [""])[0]
        try:
            connection(parameters.get("max_query_size", [None])[0])
            result = answer(query, body)
        except Exception as error:
            return self.refuse(str(error))
        self.reply(200, result)

    def refuse(self, text):
        match = CODE.search(text)
        code = int(match.group(1)) if match else 1002
        self.reply(STATUS.get(code, 500), text.encode(), code)

    def reply(self, status, body, code=None):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


keeper = Connection(folder)
server = Server(("127.0.0.1", port), Handler)
if len(sys.argv) > 5:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("ready", flush=True)
server.serve_forever()
