#!/bin/bash
# One training stage under PyTorch over several machines: sbatch --nodes=2 --gpus-per-node=8 deploy/slurm/train.sh RECIPE teacher
# Machine 0 trains, the others join it; the state is saved when the time is up, and the same command goes on.
#SBATCH --job-name=souffleur-train
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --requeue
#SBATCH --signal=TERM@120
set -euo pipefail
: "${SOUFFLEUR_PYTHON:?a Python that has PyTorch}"
export RECIPE=${1:?usage: train.sh RECIPE teacher|student}
export STAGE=${2:?usage: train.sh RECIPE teacher|student}
MASTER=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1):${SOUFFLEUR_PORT:-29500}
export MASTER
# the task's number is the machine's: one task a machine
srun bash -c '
  meeting=(--nodes "$SLURM_NNODES" --node "$SLURM_NODEID" --master "$MASTER")
  program="${SOUFFLEUR_ROOT:-.}/dist/cli/main.js"
  if [ "$SLURM_NODEID" = 0 ]; then
    exec node "$program" "$STAGE" "$RECIPE" --quiet --executor torch --bf16 "${meeting[@]}"
  fi
  exec node "$program" join "${meeting[@]}"
'
