// The learning rate over steps.

export interface ScheduleSettings {
  /** The highest rate, reached at the end of the warm-up. */
  readonly peak: number;
  readonly warmUpSteps: number;
  /** `inverse-sqrt` (Vaswani et al. 2017) falls with 1/√step; `cosine` falls to a tenth of the peak at `totalSteps`. */
  readonly decay: "inverse-sqrt" | "cosine";
  readonly totalSteps: number;
}

/** The rate of `step`, counted from 1. */
export function learningRate(step: number, settings: ScheduleSettings): number {
  const { peak, warmUpSteps, decay, totalSteps } = settings;
  if (step < warmUpSteps) return (peak * step) / warmUpSteps;
  if (decay === "inverse-sqrt") return peak * Math.sqrt(Math.max(1, warmUpSteps) / step);
  const progress = Math.min(1, (step - warmUpSteps) / Math.max(1, totalSteps - warmUpSteps));
  return peak * (0.1 + 0.45 * (1 + Math.cos(Math.PI * progress)));
}
