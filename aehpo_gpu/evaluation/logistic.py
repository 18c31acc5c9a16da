"""Logistic regression of many runs at once, as scikit-learn fits it with balanced classes.

Here belongs the classifier that probes latents; how its predictions are scored belongs to ``auc``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_NEWTON_STEPS = 100
MAX_CONJUGATE_STEPS = 100
TOLERANCE = 1e-10
"""A run has converged when a Newton step promises less than this share of its objective."""

CHUNK_BYTES = {"cpu": 2**24, "cuda": 2**27}
"""Size of a chunk's largest tensor: on CPU as fits the cache, on GPU as fills the machine."""

CONSTANT = 1e-12
"""A column whose deviation is below this share of its largest value is rounding, not signal."""


def fit_logistic_regression(latents: Tensor, codes: Tensor, n_classes: int) -> Tensor:
    """Fit one logistic regression a run.

    Minimises what ``sklearn.linear_model.LogisticRegression(C=1.0, class_weight="balanced")``
    minimises: the cross-entropy, each sample weighted by n / (n_classes * samples of its class),
    plus half the squared coefficients, the intercept left out. Two classes are one logit, whose
    coefficients are the difference of the two rows returned here.

    Columns are centred and scaled to unit deviation, and the penalty is scaled along, which leaves
    the optimum where it is and makes it as easy to find at any scale of the latents. The method is
    Newton's, solved by conjugate gradients preconditioned with each class's block of the Hessian
    (exact for two classes), in float64. A run stops when it has converged; nothing of a run
    depends on the runs beside it, save for the order of floating-point sums.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim) finite. Constant and zero columns get the coefficient 0.
    codes
        (samples,) integer classes in [0, n_classes), each with a sample, shared by all runs.
    n_classes
        At least two.

    Returns
    -------
    Tensor
        (runs, classes, latent_dim + 1) float64; the last column is the intercept. The rows of a
        run add up to zero.

    Raises
    ------
    ValueError
        The shapes do not fit, or a class has no sample.
    """
    _, n_samples, latent_dim = latents.shape
    if codes.shape != (n_samples,) or n_classes < 2:
        raise ValueError(
            f"latents {tuple(latents.shape)} do not fit codes {tuple(codes.shape)} "
            f"of {n_classes} classes"
        )
    codes = codes.to(latents.device)
    counts = torch.bincount(codes, minlength=n_classes)
    if bool((counts == 0).any()):
        raise ValueError("every class needs a sample")
    per_run = 8 * n_classes * (n_samples + latent_dim) * (latent_dim + 1)
    chunk = max(1, CHUNK_BYTES[latents.device.type] // per_run)
    return torch.cat([_fit(part, codes, counts) for part in latents.split(chunk)])


def predict_probabilities(latents: Tensor, coefficients: Tensor) -> Tensor:
    """Class probabilities of samples.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim).
    coefficients
        (runs, classes, latent_dim + 1), of ``fit_logistic_regression``.

    Returns
    -------
    Tensor
        (runs, samples, classes) float64; the classes of a sample add up to 1.
    """
    slopes, intercept = coefficients[..., :-1], coefficients[..., -1:]
    logits = slopes @ latents.to(coefficients.dtype).mT + intercept
    return logits.softmax(1).mT


@dataclass(frozen=True)
class _Problem:
    """The regressions of some runs; D columns are the latent dimensions and the intercept.

    Classes and samples are laid out (runs, classes, samples), which vectorises over samples.
    """

    X: Tensor
    """(runs, D, samples)."""
    penalty: Tensor
    """(runs, 1, D), zero for the intercept."""
    weight: Tensor
    """(samples,)."""
    target: Tensor
    """(classes, samples) 1 for the class of a sample."""

    def take(self, runs: Tensor) -> _Problem:
        return _Problem(self.X[runs], self.penalty[runs], self.weight, self.target)

    def log_probabilities(self, W: Tensor) -> Tensor:
        return torch.bmm(W, self.X).log_softmax(1)

    def objective(self, W: Tensor, log_p: Tensor) -> Tensor:
        loss = log_p.flatten(1) @ (self.target * self.weight).flatten()
        return (self.penalty * W.square()).sum((1, 2)) / 2 - loss

    def gradient(self, W: Tensor, p: Tensor) -> Tensor:
        residual = (p - self.target) * self.weight
        return torch.bmm(residual, self.X.mT) + self.penalty * W

    def curvature(self, V: Tensor, p: Tensor, weighted_p: Tensor) -> Tensor:
        """Product of the Hessian with V (runs, classes, D)."""
        logits = torch.bmm(V, self.X)
        logits -= (p * logits).sum(1, keepdim=True)
        logits *= weighted_p
        return torch.bmm(logits, self.X.mT) + self.penalty * V

    def preconditioner(self, p: Tensor, weighted_p: Tensor) -> Tensor:
        """Cholesky factors (runs, classes, D, D) of the Hessian's blocks.

        The data part is scaled by classes / (classes - 1), which makes it the Hessian itself, on
        coefficients that add up to zero, for two classes and for even probabilities.
        """
        n_runs, n_classes, n_samples = p.shape
        width = self.X.shape[1]
        share = weighted_p * (1 - p) * (n_classes / (n_classes - 1))
        shared = (share[:, :, None] * self.X[:, None]).view(n_runs, n_classes * width, n_samples)
        blocks = torch.bmm(shared, self.X.mT).view(n_runs, n_classes, width, width)
        diagonal = blocks.diagonal(dim1=-2, dim2=-1)
        # Saturated probabilities leave a block without curvature; a little keeps it definite.
        diagonal += self.penalty + 1e-12 * diagonal.amax(-1, keepdim=True) + 1e-30
        return torch.linalg.cholesky_ex(blocks).L


def _fit(latents: Tensor, codes: Tensor, counts: Tensor) -> Tensor:
    n_classes = len(counts)
    X = latents.mT.to(torch.float64, memory_format=torch.contiguous_format)
    centre = X.mean(-1, keepdim=True)
    largest = X.abs().amax(-1, keepdim=True)
    X = X - centre
    scale = X.square().mean(-1, keepdim=True).sqrt()
    constant = scale <= CONSTANT * largest.clamp_min(1e-60)
    scale = scale.masked_fill(constant, 1.0)
    X = (X / scale).masked_fill(constant, 0.0)
    # Two classes in one logit w have the rows -w/2 and w/2: half the squares, twice the penalty.
    penalty = scale.mT.square().reciprocal() * (2.0 if n_classes == 2 else 1.0)
    problem = _Problem(
        torch.cat([X, torch.ones_like(X[:, :1])], 1),
        torch.cat([penalty, torch.zeros_like(penalty[..., :1])], -1),
        (len(codes) / (n_classes * counts.to(torch.float64)))[codes],
        torch.nn.functional.one_hot(codes, n_classes).to(torch.float64).mT.contiguous(),
    )
    W = _newton(problem, n_classes)
    slopes = W[..., :-1] / scale.mT
    intercept = W[..., -1:] - slopes @ centre
    return torch.cat([slopes, intercept], -1)


def _newton(problem: _Problem, n_classes: int) -> Tensor:
    n_runs, width, _ = problem.X.shape
    result = problem.X.new_zeros(n_runs, n_classes, width)
    runs = torch.arange(n_runs, device=result.device)
    W = result.clone()
    log_p = problem.log_probabilities(W)
    value = problem.objective(W, log_p)
    for _ in range(MAX_NEWTON_STEPS):
        p = log_p.exp()
        step, slope = _newton_step(problem, W, p, value)
        W, log_p, value, moved = _line_search(problem, W, step, slope, log_p, value)
        going = moved & (-slope > TOLERANCE * value)
        if not bool(going.all()):
            result[runs] = W
            if not bool(going.any()):
                break
            problem, runs = problem.take(going), runs[going]
            W, log_p, value = W[going], log_p[going], value[going]
    result[runs] = W
    return result


def _newton_step(problem: _Problem, W: Tensor, p: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Newton step (runs, classes, D) and the slope of the objective along it (runs,).

    Solved by conjugate gradients as exactly as the distance to the optimum makes worthwhile.
    """
    gradient = problem.gradient(W, p)
    weighted_p = p * problem.weight
    factor = problem.preconditioner(p, weighted_p)

    def precondition(r: Tensor) -> Tensor:
        z = torch.cholesky_solve(r[..., None], factor)[..., 0]
        return z - z.mean(1, keepdim=True)

    step = torch.zeros_like(gradient)
    residual = -gradient
    direction = precondition(residual)
    size = (residual * direction).sum((1, 2))
    # The squared forcing term: superlinear convergence (Nocedal & Wright, section 7.1).
    enough = size * (size / value.clamp_min(1e-300)).clamp(1e-16, 1e-2)
    for _ in range(MAX_CONJUGATE_STEPS):
        curved = problem.curvature(direction, p, weighted_p)
        bend = (direction * curved).sum((1, 2))
        going = (size > enough) & (bend > 0)
        if not bool(going.any()):
            break
        length = torch.where(going, size / bend, 0.0)[:, None, None]
        step = step + length * direction
        residual = residual - length * curved
        z = precondition(residual)
        new_size = (residual * z).sum((1, 2))
        turn = torch.where(going, new_size / size, 0.0)[:, None, None]
        direction = torch.where(going[:, None, None], z + turn * direction, direction)
        size = torch.where(going, new_size, size)
    return step, (gradient * step).sum((1, 2))


def _line_search(
    problem: _Problem, W: Tensor, step: Tensor, slope: Tensor, log_p: Tensor, value: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Halve the step of each run until its objective falls; a run that finds none stays."""
    length = torch.ones_like(value)
    moved = torch.zeros_like(value, dtype=torch.bool)
    new_W, new_log_p, new_value = W, log_p, value
    for _ in range(40):
        trial = W + length[:, None, None] * step
        trial_log_p = problem.log_probabilities(trial)
        trial_value = problem.objective(trial, trial_log_p)
        better = ~moved & (trial_value <= value + 1e-4 * length * slope)
        pick = better[:, None, None]
        new_W = torch.where(pick, trial, new_W)
        new_log_p = torch.where(pick, trial_log_p, new_log_p)
        new_value = torch.where(better, trial_value, new_value)
        moved |= better
        # Below this a step is lost in the rounding of the objective.
        hopeless = -slope * length <= 1e-14 * value
        if bool((moved | hopeless).all()):
            break
        length = torch.where(moved, length, length / 2)
    return new_W, new_log_p, new_value, moved
