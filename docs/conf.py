import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'graphs'))

import draw

project = 'aiida-dreamflow'
author = 'The aiida-dreamflow developers'
project_copyright = author
release = metadata.version('aiida-dreamflow')
version = release

extensions = ['myst_parser', 'sphinx_copybutton']
exclude_patterns = ['_build']
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 3
copybutton_prompt_text = '$ '

html_theme = 'furo'
html_title = f'aiida-dreamflow {release}'


def setup(app):
    app.connect('builder-inited', lambda _: draw.draw())
