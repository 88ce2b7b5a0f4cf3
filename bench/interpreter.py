"""The interpreter that a benchmark measured: a figure is Broadside's and its interpreter's together."""

import platform
import sysconfig


def interpreter() -> str:
    """Its name, version, compiler and level of optimisation, as in "CPython 3.11.7, GCC 12.2.0 -O3".

    Whether a profile guided its optimisation no variable of its build tells: a distribution's packages may have one
    without `--enable-optimizations` among their arguments.
    """
    flags = str(sysconfig.get_config_var("CFLAGS") or "").split()
    levels = [flag for flag in flags if flag.startswith("-O")]  # of several the compiler takes the last
    compiler = " ".join([platform.python_compiler(), *levels[-1:]])
    return f"{platform.python_implementation()} {platform.python_version()}, {compiler}"
