"Packaging: everything it says is read from settings.ini"
import sys
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

sys.path.append(str(Path(__file__).parent/'.ci'))
from stubs import write_stubs

class BuildWithStubs(build_py):
    "Puts a stub beside each module of a wheel"
    def run(self):
        super().run()
        if not self.editable_mode: write_stubs(self.build_lib)

cfg = ConfigParser(interpolation=None)
cfg.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
ini = cfg['DEFAULT']
extras = {k.removesuffix('_requirements'): v.split() for k,v in ini.items() if k.endswith('_requirements')}
extras['all'] = sorted({r for rs in extras.values() for r in rs})

setup(
    cmdclass={'build_py': BuildWithStubs},
    name=ini['lib_name'], version=ini['version'], description=ini['description'], license='MIT',
    project_urls={'Documentation': f"{ini['doc_host'] % ini}{ini['doc_baseurl'] % ini}",
                  'Changelog': f"https://github.com/{ini['user']}/{ini['repo']}/blob/main/CHANGELOG.md"},
    author=ini['author'], keywords=ini['keywords'], url=f"https://github.com/{ini['user']}/{ini['repo']}",
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Developers',
                 *(f'Programming Language :: Python :: 3.{minor}' for minor in (11, 12, 13))],
    packages=find_packages(include=['asl_nb', 'asl_nb.*']), include_package_data=True,
    package_data={'asl_nb': ['py.typed', 'assets/*', 'assets/backbone/*', 'assets/configs/*', 'assets/web/*']},
    python_requires=f">={ini['min_python']},<{ini['max_python']}",
    install_requires=ini['requirements'].split(), extras_require=extras,
    entry_points={'console_scripts': ini['console_scripts'].split(), 'nbdev': ['asl_nb=asl_nb._modidx:d']},
)
