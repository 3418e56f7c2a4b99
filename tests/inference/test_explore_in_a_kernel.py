"""The map of a notebook over Jupyter's own messages: a real kernel answers what a browser would send."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rs2sam2.data.synthetic import render_scene

manager = pytest.importorskip("jupyter_client.manager", reason="the extra 'dev' is not installed")
pytestmark = pytest.mark.slow
WITHIN = 120.0
CELL = """
from rs2sam2 import Segmenter
explorer = Segmenter.from_pretrained("nano", "cpu").explore("scene.png")
explorer
"""


class Notebook:
    """The browser's side of a kernel."""

    def __init__(self, client):
        self.client, self.heard = client, []

    def run(self, code):
        """What a cell prints."""
        printed = []
        reply = self.client.execute_interactive(code, timeout=WITHIN, output_hook=lambda said: printed.append(said))
        assert reply["content"]["status"] == "ok", reply["content"]
        self.heard += [said for said in printed if said["msg_type"].startswith("comm")]
        return "".join(said["content"].get("text", "") for said in printed if said["msg_type"] == "stream")

    def say(self, model, content):
        """Send what the map sends; the messages that come back until the kernel is idle again."""
        data = {"method": "custom", "content": content}
        sent = self.client.session.msg("comm_msg", {"comm_id": model, "data": data})
        self.client.shell_channel.send(sent)
        back, until = [], time.monotonic() + WITHIN
        while time.monotonic() < until:
            said = self.client.get_iopub_msg(timeout=WITHIN)
            if said["parent_header"].get("msg_id") != sent["header"]["msg_id"]:
                continue
            if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
                return back
            back.append(said)
        raise AssertionError("the kernel does not answer")


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    Image.fromarray(np.asarray(render_scene(np.random.default_rng(63), 768).image)).save(tmp_path / "scene.png")
    source = str(Path(__file__).resolve().parents[2] / "src")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    kernel, client = manager.start_new_kernel(cwd=str(tmp_path), startup_timeout=WITHIN)
    yield Notebook(client)
    client.stop_channels()
    kernel.shutdown_kernel(now=True)


def test_what_the_map_says_is_done_and_shown(notebook):
    notebook.run(CELL)
    opened = [said["content"] for said in notebook.heard if said["msg_type"] == "comm_open"]
    (model,) = [one["comm_id"] for one in opened if "layers" in one["data"]["state"].get("state", {})]
    back = notebook.say(model, {"do": "ask", "expression": "the structure with a blue roof", "scene": None})
    updates = [said["content"]["data"] for said in back if said["msg_type"] == "comm_msg"]
    (state,) = [data["state"]["state"] for data in updates if data["method"] == "update"]
    assert [layer["expression"] for layer in state["layers"]] == ["the structure with a blue roof"]
    assert {"kind": "done", "of": "ask"} in [data.get("content") for data in updates]
    (square, _) = notebook.say(model, {"do": "squares", "squares": [[0, 1, 1]]})[-2:]
    assert Image.open(io.BytesIO(bytes(square["buffers"][0]))).size == (256, 256)
    notebook.say(model, {"do": "click", "x": 330, "y": 530, "belongs": False})
    said = notebook.run("print(explorer.answer.prompts.points, explorer.answer.prompts.labels)")
    assert said.strip() == "((330.0, 530.0),) (0,)"
