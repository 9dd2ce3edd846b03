"""JupyterLab as the course wants it: opens on your copy of lesson 00, asks the network for nothing."""

import os
import runpy
from pathlib import Path

from jupyter_server.serverapp import ServerApp

here = Path(__file__).resolve().parent
# makes JupyterLab find labconfig/ beside this file, however it was started
os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, [str(here), os.environ.get("JUPYTER_CONFIG_PATH")]))

# kernels inherit it: threads that have nothing to do soon sleep, and do not take the processor from those that have
# (benchmarks/idle_threads.py; to sleep at once, OMP_WAIT_POLICY=PASSIVE, makes small networks slow on a quiet machine)
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("COURSE_FIGURES", "retina")  # drawn with twice the dots, for screens that have them
fresh = runpy.run_path(str(here.parent / "course_utils" / "fresh.py"))
print("\n".join(fresh["update"](here.parent)))

c = get_config()  # noqa: F821
c.ServerApp.root_dir = str(fresh["copies_folder"](here.parent).parent)
c.LabApp.default_url = "/lab/tree/work/00_start_here.ipynb"
c.LabApp.custom_css = True
ServerApp.static_custom_path.tag(config=True)  # else it is always the folder of the person's own settings
c.ServerApp.static_custom_path = [str(here / "custom")]
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
c.ContentsManager.hide_globs = ["__pycache__", "*.egg-info", ".ipynb_checkpoints"]
c.ResourceUseDisplay.track_cpu_percent = True
