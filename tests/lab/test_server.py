"""`inkbloom lab`: the server gives out the files of its table, to this machine, and does nothing else."""

import http.client
import signal
import socket
import subprocess
import sys
import threading

import pytest

from inkbloom.errors import UsageError
from inkbloom.lab.server import PORT, open_server

PAGE = b'<!doctype html><html lang="en"><title>stand-in</title></html>'
RULES = """default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:;
connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'"""


@pytest.fixture
def server(tmp_path):
    """A server with three files, one of them on the disk beside a secret one."""
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "main.js").write_text("const answer = 42;\n")
    (tmp_path / "secret.txt").write_text("secret")
    table = {"index.html": PAGE, "main.js": tmp_path / "page" / "main.js", "models/ink.safetensors": bytes(3_000_000)}
    with open_server(table, 0) as opened:
        threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield opened
        opened.shutdown()


def ask(server, path, method="GET", **headers):
    """(status, headers, body) of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    found = answer.status, dict(answer.headers), answer.read()
    connection.close()
    return found


def ask_raw(server, text):
    """All that comes back for these very bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/", "text/html; charset=utf-8", PAGE),
        ("/index.html?x=../secret.txt", "text/html; charset=utf-8", PAGE),
        ("/main.js", "text/javascript; charset=utf-8", b"const answer = 42;\n"),
        ("/models/ink.safetensors", "application/octet-stream", bytes(3_000_000)),
    ],
)
def test_a_file_of_the_table_comes_whole_with_its_type(server, path, kind, body):
    status, headers, found = ask(server, path)
    assert (status, headers["Content-Type"], headers["Content-Length"]) == (200, kind, str(len(body)))
    assert found == body
    status, same, nothing = ask(server, path, "HEAD")
    assert (status, nothing, same["Content-Length"], same["ETag"]) == (200, b"", str(len(body)), headers["ETag"])


def test_a_changed_file_is_sent_anew_and_an_unchanged_one_is_not(server, tmp_path):
    _, headers, _ = ask(server, "/main.js")
    assert headers["Cache-Control"] == "no-cache"
    status, again, body = ask(server, "/main.js", If_None_Match=headers["ETag"])
    assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
    (tmp_path / "page" / "main.js").write_text("const answer = 43;\n")
    assert ask(server, "/main.js", If_None_Match=headers["ETag"])[::2] == (200, b"const answer = 43;\n")
    (tmp_path / "page" / "main.js").unlink()
    assert ask(server, "/main.js")[0] == 500


@pytest.mark.parametrize("path", ["/", "/main.js", "/nothing"])
def test_every_answer_says_that_the_page_keeps_to_itself(server, path):
    headers = ask(server, path)[1]
    assert headers["Content-Security-Policy"] == " ".join(RULES.split())
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert "Python" not in headers["Server"]
    assert "Access-Control-Allow-Origin" not in headers


ELSEWHERE = r"""/secret.txt /../secret.txt /page/../../secret.txt /%2e%2e/secret.txt /..%2fsecret.txt /%252e%252e/secret.txt
/..\secret.txt /....//secret.txt /main.js/ /main.js/../../secret.txt /MAIN.JS /main.js%00 /%6dain.js //etc/passwd /etc/passwd
/models /models/ http://127.0.0.1/main.js * ../secret.txt /page/main.js"""


@pytest.mark.parametrize("path", ELSEWHERE.split())
def test_any_other_name_is_not_found(server, path):
    found = ask_raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 404 ")
    assert b"secret" not in found.partition(b"\r\n\r\n")[2]
    assert b"answer" not in found


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LocalHost:80", "127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"]
)
def test_it_answers_to_names_of_this_machine(server, host):
    assert ask(server, "/", Host=host.format(port=server.port))[::2] == (200, PAGE)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "localhost.evil.example", "127.0.0.1.nip.io:{port}", "evil.example#localhost",
     "user@localhost", "0.0.0.0:{port}", "192.168.0.7:{port}",
     "localhost:", "localhost:99999999", "", "localhost, evil.example"],
)  # fmt: skip
def test_it_does_not_answer_to_a_name_that_was_made_to_lead_here(server, host):
    status, headers, body = ask(server, "/", Host=host.format(port=server.port))
    assert status == 403
    assert PAGE not in body
    assert "Content-Security-Policy" in headers


@pytest.mark.parametrize("hosts", ["", "Host: localhost\r\nHost: evil.example\r\n"])
def test_it_wants_one_host(server, hosts):
    found = ask_raw(server, f"GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 403 ")
    assert PAGE not in found


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_it_takes_nothing(server, method):
    assert ask(server, "/", method)[0] == 405
    assert ask(server, "/")[0] == 200


@pytest.mark.parametrize(
    "junk", ["BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\0\1\2\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET\r\n\r\n"]
)
def test_junk_ends_the_connection_and_not_the_server(server, junk, capfd):
    assert PAGE not in ask_raw(server, junk)
    assert ask(server, "/")[0] == 200
    assert "".join(capfd.readouterr()) == ""


def test_a_browser_that_goes_away_is_no_news(server, capfd):
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"GET /models/ink.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert ask(server, "/")[0] == 200
    assert "".join(capfd.readouterr()) == ""


def test_only_this_machine_can_reach_it(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_two_labs_have_two_ports():
    with open_server({}) as one, open_server({}) as two:
        assert PORT <= one.port < two.port
        with pytest.raises(UsageError, match=rf"^port {one.port} cannot be used \(.+\): give another --port, or leave it out$"):
            open_server({}, one.port)


# ---- the command


def test_the_command_serves_until_ctrl_c_and_loads_no_torch():
    run = "code = main(['lab', '--port', '0']); print({'torch', 'numpy'} & {*sys.modules}, code)"
    words = [sys.executable, "-c", f"import sys; from inkbloom.cli import main; {run}"]
    lab = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        said = lab.stdout.readline()
        address = said.split()[1]
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=10)
        connection.request("GET", "/")
        assert b"inkbloom" in connection.getresponse().read()
        lab.send_signal(signal.SIGINT)
        out, err = lab.communicate(timeout=20)
    finally:
        lab.kill()
    assert said == f"lab: {address} (only this machine can see it; Ctrl-C ends it)\n"
    assert (out, err) == ("lab: closed\nset() 130\n", "")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--host", "0.0.0.0"], "unknown argument '--host': the lab is seen by this machine alone (127.0.0.1); --export DIR"),
        (["--bind=0.0.0.0"], "unknown argument '--bind=0.0.0.0': the lab is seen by this machine alone"),
        (["--port", "70000"], "port = 70000: needs a number from 0 to 65535"),
        (["--port", "-1"], "port = -1: needs"),
        (["--port", "web"], "argument --port: invalid int value: 'web'"),
        (["--lang", "fr"], "argument --lang: invalid choice: 'fr'"),
        (["--model", "gone"], "no trained run (gone)"),
        (["--export", "out", "--open"], "--port and --open are for serving the page"),
        (["--single-file", "out.html", "--port", "1"], "--port and --open are for serving the page"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_line(words, error, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ended = command("lab", *words)
    assert ended.code in (2, 4)
    assert ended.error.startswith(error)
    assert list(tmp_path.iterdir()) == []
