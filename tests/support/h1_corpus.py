"""Raw HTTP/1 messages that are wrong, doubtful or odd: what two parsers could read in two ways.

``CORPUS`` maps a name to bytes for one connection.  Those in ``ACCEPTABLE`` may be answered with success; for all
others the connection gets a 4xx or is closed.  None may ever lead to a second request, or to a 5xx.
"""

POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

CORPUS: dict[str, bytes] = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhelloX",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "length with plus": POST + b"Content-Length: +5\r\n\r\nhello",
    "length with underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "negative length": POST + b"Content-Length: -1\r\n\r\n",
    "hex length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "empty length": POST + b"Content-Length: \r\n\r\n",
    "huge length": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "length in other digits": POST + b"Content-Length: \xd9\xa5\r\n\r\nhello",
    "blank before colon": POST + b"Content-Length : 5\r\n\r\nhello",
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "identity coding": POST + b"Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "tab before coding": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "vertical tab before coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "quoted coding": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunks in 1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk size 0x": _CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with underscore": _CHUNKED + b"0_5\r\nhello\r\n0\r\n\r\n",
    "chunk size with plus": _CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "negative chunk size": _CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "line feed in chunk extension": _CHUNKED + b"5;a=\n\r\nhello\r\n0\r\n\r\n",
    "bare line feed after size": _CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "bare line feed at the end": _CHUNKED + b"0\n\r\n",
    "chunk size overflows": _CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "trailer named Host": _CHUNKED + b"0\r\nHost: evil\r\n\r\n",
    "NUL in header": POST + b"X: a\x00b\r\n\r\n",
    "bare CR in header": POST + b"X: a\rb\r\n\r\n",
    "bare LF folds a header": POST + b"X: a\n b\r\n\r\n",
    "folded header": POST + b"X: a\r\n b\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "header without colon": POST + b"foo\r\n\r\n",
    "header without name": POST + b": x\r\n\r\n",
    "header name not ASCII": POST + b"\xefoo: bar\r\n\r\n",
    "first header indented": b"GET / HTTP/1.1\r\n\tContent-Length: 1\r\nHost: a\r\n\r\nX",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "odd host": b"GET / HTTP/1.1\r\nHost: a b/..\r\n\r\n",
    "absolute target": b"GET http://evil/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "version 1.32": b"GET / HTTP/1.32\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "odd method": b'G=":<>(e) / HTTP/1.1\r\nHost: a\r\n\r\n',
    "blank in target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in target": b"GET /a\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment in target": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "line feed in target": b"GET /\nHTTP/1.1\r\nHost: a\r\n\r\n",
    "two authorizations": POST + b"Authorization: Bearer x\r\nAuthorization: Bearer y\r\nContent-Length: 0\r\n\r\n",
    "two types": POST + b"Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
    "long header": POST + b"X: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": POST + b"".join(b"X%d: y\r\n" % number for number in range(5_000)) + b"\r\n",
    "long target": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "upgrade to HTTP/2": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown expectation": POST + b"Expect: 200-ok\r\nContent-Length: 0\r\n\r\n",
    "gzip under chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "CONNECT": b"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n",
}

# What is odd but harmless: the probe at "/", with a Host or an upgrade that we do not look at.
ACCEPTABLE = frozenset(("odd host", "upgrade to HTTP/2"))
