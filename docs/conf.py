from importlib import metadata

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
