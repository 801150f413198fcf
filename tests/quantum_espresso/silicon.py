"""Silicon with Quantum ESPRESSO: an equation of state and a convergence loop as workflow functions, and the same as work chains."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import numpy as np
from aiida import orm
from aiida.engine import ToContext, WorkChain, append_, calcfunction
from aiida_quantumespresso.calculations.pw import PwCalculation

from aiida_dreamflow import expose_inputs, gather, submit, workflow
from aiida_dreamflow.exceptions import ChildFailedError

PROTOCOLS = {'fast': (8.0, 2), 'balanced': (16.0, 4)}


# -- as workflow functions


class Fit(TypedDict):
    """An equation of state.

    :param v0: the volume of the minimum, in cubic angstrom.
    """

    volumes: list[float]
    energies: list[float]
    v0: float


class Converged(TypedDict):
    """A converged cutoff.

    :param failed: the cutoffs at which the calculation failed, with the exit status.
    """

    cutoff: float
    energies: dict[str, float]
    failed: list[dict[str, float]]
    v0: float


def increasing(scales):
    return None if list(scales) == sorted(scales) else 'must be increasing'


# lines: eos
def rescaled(structure, scale):
    atoms = structure.get_ase()
    atoms.set_cell(atoms.cell * scale ** (1 / 3), scale_atoms=True)
    return orm.StructureData(ase=atoms)


@workflow(validators=[increasing])
async def eos(
    structure: orm.StructureData,
    scales: list[float],
    pw: Annotated[dict[str, Any], expose_inputs(PwCalculation, exclude=('structure',))],
) -> Fit:
    outs = await gather(*[submit(PwCalculation, structure=rescaled(structure, scale), **pw) for scale in scales])
    volumes = [out['output_parameters']['volume'] for out in outs]
    energies = [out['output_parameters']['energy'] for out in outs]
    a, b, _ = np.polyfit(volumes, energies, 2)
    return {'volumes': volumes, 'energies': energies, 'v0': -b / (2 * a)}


# lines: end


@workflow(exit_codes={'ERROR_NOT_CONVERGED': (410, 'not converged at {cutoff} Ry')})
async def converge(
    structure: orm.StructureData,
    cutoffs: list[float],
    pw: Annotated[dict[str, Any], expose_inputs(PwCalculation, exclude=('structure',))],
    tolerance: float = 0.5,
) -> Converged:
    """Converge the energy with the cutoff, and find the volume there.

    :param tolerance: in eV.
    """
    energies, failed, before = {}, [], None
    for cutoff in cutoffs:
        parameters = pw['parameters'].get_dict()
        parameters['SYSTEM']['ecutwfc'] = cutoff
        inputs = {**pw, 'parameters': orm.Dict(parameters)}
        try:
            out = await submit(PwCalculation, structure=structure, **inputs)
        except ChildFailedError as error:
            failed.append({'cutoff': cutoff, 'status': error.exit_status})
            continue
        energies[f'{cutoff:g}'] = energy = out['output_parameters']['energy']
        if before is not None and abs(energy - before) < tolerance:
            fit = await eos(structure=structure, scales=[0.97, 1.0, 1.03], pw=inputs)
            return {'cutoff': cutoff, 'energies': energies, 'failed': failed, 'v0': fit['v0']}
        before = energy
    return converge.exit_codes.ERROR_NOT_CONVERGED.format(cutoff=cutoffs[-1])


def get_builder_from_protocol(code, structure, pseudos, protocol='fast'):
    """A builder with what the protocol says."""
    cutoff, mesh = PROTOCOLS[protocol]
    builder = converge.get_builder()
    builder.structure = structure
    builder.cutoffs = [cutoff, -1.0, cutoff + 4, cutoff + 8]
    builder.pw.code = code
    builder.pw.pseudos = pseudos
    builder.pw.kpoints = mesh_of(mesh)
    builder.pw.parameters = parameters_of(cutoff)
    builder.pw.metadata.options = OPTIONS
    return builder


converge.get_builder_from_protocol = get_builder_from_protocol

OPTIONS = {'resources': {'num_machines': 1}, 'withmpi': False, 'max_wallclock_seconds': 600}


def mesh_of(number):
    points = orm.KpointsData()
    points.set_kpoints_mesh([number] * 3)
    return points


def parameters_of(cutoff):
    return {'CONTROL': {'calculation': 'scf'}, 'SYSTEM': {'ecutwfc': cutoff}, 'ELECTRONS': {'conv_thr': 1e-6}}


# -- as work chains


# lines: work chain
@calcfunction
def rescale(structure, scale):
    atoms = structure.get_ase()
    atoms.set_cell(atoms.cell * scale.value ** (1 / 3), scale_atoms=True)
    return orm.StructureData(ase=atoms)


@calcfunction
def fit(**outputs):
    ordered = [outputs[name] for name in sorted(outputs)]
    volumes = [out['volume'] for out in ordered]
    energies = [out['energy'] for out in ordered]
    a, b, _ = np.polyfit(volumes, energies, 2)
    return {'volumes': orm.List(volumes), 'energies': orm.List(energies), 'v0': orm.Float(-b / (2 * a))}


def validate_scales(scales, port):
    return None if scales.get_list() == sorted(scales.get_list()) else 'must be increasing'


class EosWorkChain(WorkChain):
    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input('structure', valid_type=orm.StructureData)
        spec.input('scales', valid_type=orm.List, validator=validate_scales)
        spec.expose_inputs(PwCalculation, namespace='pw', exclude=('structure',))
        spec.output('volumes', valid_type=orm.List)
        spec.output('energies', valid_type=orm.List)
        spec.output('v0', valid_type=orm.Float)
        spec.exit_code(410, 'ERROR_CALCULATION_FAILED', message='a calculation failed')
        spec.outline(cls.launch, cls.inspect)

    def launch(self):
        for scale in self.inputs.scales:
            inputs = self.exposed_inputs(PwCalculation, 'pw')
            inputs['structure'] = rescale(self.inputs.structure, orm.Float(scale))
            self.to_context(calculations=append_(self.submit(PwCalculation, **inputs)))

    def inspect(self):
        if not all(each.is_finished_ok for each in self.ctx.calculations):
            return self.exit_codes.ERROR_CALCULATION_FAILED
        found = {f'out_{i}': each.outputs.output_parameters for i, each in enumerate(self.ctx.calculations)}
        self.out_many(fit(**found))


# lines: end


class Around(WorkChain):
    """A work chain written by hand that others' workflow functions are a part of."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(eos, namespace='eos')
        spec.expose_outputs(eos, namespace='eos')
        spec.output('compressibility', valid_type=orm.Float)
        spec.outline(cls.launch, cls.results)

    def launch(self):
        return ToContext(eos=self.submit(eos, **self.exposed_inputs(eos, 'eos')))

    def results(self):
        self.out_many(self.exposed_outputs(self.ctx.eos, eos, namespace='eos'))
        self.out('compressibility', compressibility(self.ctx.eos.outputs.v0))


@calcfunction
def compressibility(v0):
    return orm.Float(1 / v0.value)
