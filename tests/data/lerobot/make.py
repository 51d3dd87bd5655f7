"""The script that wrote these fixtures with LeRobot's own package: v3.0 by 0.4.4, v2.1 by 0.3.3.

python make.py v3.0 3        # with lerobot==0.4.4, Python 3.11, av 15, numpy 2.2
python make.py v2.1 2        # with lerobot==0.3.3
"""

import shutil
import sys

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

SIDES = ["height", "width", "channels"]
FEATURES = {
    "observation.images.top": {"dtype": "video", "shape": (64, 64, 3), "names": SIDES},
    "observation.images.wrist": {"dtype": "image", "shape": (16, 24, 3), "names": SIDES},
    "observation.state": {"dtype": "float32", "shape": (3,), "names": ["episode", "frame", "wave"]},
    "action": {"dtype": "float32", "shape": (2,), "names": ["x", "y"]},
    "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
    "next.done": {"dtype": "bool", "shape": (1,), "names": None},
}
MORE = {  # that version 2 does not write
    "observation.grid": {"dtype": "float32", "shape": (2, 3), "names": None},
    "observation.note": {"dtype": "string", "shape": (1,), "names": None},
}


def frame(number, row, last, version):
    y, x = np.mgrid[:64, :64]
    top = np.stack([x * 2 + 10 * row, y * 3, np.full_like(x, number * 60 + row * 4)], -1)
    told = {
        "observation.images.top": top.clip(0, 255).astype(np.uint8),
        "observation.images.wrist": np.full((16, 24, 3), (number, row, 7), np.uint8),
        "observation.state": np.array([number, row, np.sin(row)], np.float32),
        "action": np.array([np.cos(row), number / 2], np.float32),
        "next.reward": np.array([row / 10], np.float32),
        "next.done": np.array([row == last and number != 1]),
    }
    if version == 3:
        told["observation.grid"] = (np.arange(6).reshape(2, 3) + row).astype(np.float32)
        told["observation.note"] = f"frame {row}"
    return told


def main(root, version):
    shutil.rmtree(root, ignore_errors=True)
    features = FEATURES | (MORE if version == 3 else {})
    dataset = LeRobotDataset.create(
        "local/toy", fps=10, features=features, root=root, robot_type="toy", video_backend="pyav"
    )
    for number, task in enumerate(["push", "pull", "push"]):
        rows = 8 + 2 * number
        for row in range(rows):
            told = frame(number, row, rows - 1, version)
            if version == 3:
                dataset.add_frame({**told, "task": task})
            else:
                dataset.add_frame(told, task)
        dataset.save_episode()
    if version == 3:
        dataset.finalize()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
