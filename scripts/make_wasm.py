"""Turns the lab's conv.wat into conv_wasm.js, bytes as text that any page can hold. Needs Node: npx fetches wabt.

python scripts/make_wasm.py
"""

import base64
import hashlib
import subprocess
import tempfile
from pathlib import Path

ENGINE = Path(__file__).parents[1] / "src" / "inkbloom" / "lab" / "page" / "engine"
WABT = "wabt@1.0.39"


def main() -> None:
    """Compiles and writes."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "conv.wasm"
        subprocess.run(["npx", "--yes", "-p", WABT, "wat2wasm", str(ENGINE / "conv.wat"), "-o", str(made)], check=True)
        text = base64.b64encode(made.read_bytes()).decode()
    lines = [text[start : start + 100] for start in range(0, len(text), 100)]
    body = " +\n".join(f'  "{line}"' for line in lines)
    source = hashlib.sha256((ENGINE / "conv.wat").read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    head = f"// conv.wat as bytes in base64; scripts/make_wasm.py writes this file. SHA-256 of conv.wat:\n// {source}\n\n"
    (ENGINE / "conv_wasm.js").write_text(f"{head}export const CONV =\n{body};\n", encoding="utf-8")


if __name__ == "__main__":
    main()
