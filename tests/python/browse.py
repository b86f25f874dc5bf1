"""One HTTPS request with the ClientHello of a browser: X25519MLKEM768, GREASE, shuffled extensions.

    browse.py URL HOST:PORT:ADDRESS
"""

import sys

from curl_cffi import CurlOpt, requests

answer = requests.get(
    sys.argv[1],
    impersonate="chrome136",
    http_version="v1",
    verify=False,
    timeout=10,
    curl_options={CurlOpt.RESOLVE: [sys.argv[2].encode()]},
)
print(answer.status_code)
