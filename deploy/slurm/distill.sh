#!/bin/bash
# Distillation as a Slurm array of shares: sbatch --array=1-8 deploy/slurm/distill.sh RECIPE
# Then: sbatch --dependency=afterok:JOB deploy/slurm/distill.sh RECIPE, without an array, checks that nothing is missing.
#SBATCH --job-name=souffleur-distill
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
set -euo pipefail
: "${SOUFFLEUR_WORK:?a folder that all machines share}"
recipe=${1:?usage: distill.sh RECIPE}
share=()
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
  first=${SLURM_ARRAY_TASK_MIN:-1}
  share=(--shard "$((SLURM_ARRAY_TASK_ID - first + 1))/${SLURM_ARRAY_TASK_COUNT:?}")
fi
exec node "${SOUFFLEUR_ROOT:-.}/dist/cli/main.js" distill "$recipe" --quiet "${share[@]}"
