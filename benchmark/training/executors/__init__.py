"""Where jobs run: in this process, in processes of this machine, or on Ray."""

from benchmark.training.executors.choice import choose_executor
from benchmark.training.executors.executor import Executor, Local, Work, check_accelerator, cores
from benchmark.training.executors.on_ray import Ray
from benchmark.training.executors.processes import Processes

__all__ = ["Executor", "Local", "Processes", "Ray", "Work", "check_accelerator", "choose_executor", "cores"]
