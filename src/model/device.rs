//! Graphics cards, for builds that have them (the features `cuda` and `metal`).

use candle_core::Device;

use super::ModelError;
use crate::recipe::DeviceChoice;

/// The graphics card that a choice means; `None` where the CPU's own kernels are to be used.
///
/// # Errors
/// Where a kind is asked for that this program wasn't built for, or of which there is none here.
pub fn graphics_card(choice: DeviceChoice) -> Result<Option<Device>, ModelError> {
    match choice {
        DeviceChoice::Cpu => Ok(None),
        DeviceChoice::Auto if candle_core::utils::cuda_is_available() => Ok(Device::new_cuda(0).ok()),
        DeviceChoice::Auto if candle_core::utils::metal_is_available() => Ok(Device::new_metal(0).ok()),
        DeviceChoice::Auto => Ok(None),
        DeviceChoice::Cuda if !candle_core::utils::cuda_is_available() => Err(not_built_for("cuda")),
        DeviceChoice::Metal if !candle_core::utils::metal_is_available() => Err(not_built_for("metal")),
        DeviceChoice::Cuda => opened("cuda", Device::new_cuda(0)),
        DeviceChoice::Metal => opened("metal", Device::new_metal(0)),
    }
}

fn not_built_for(kind: &str) -> ModelError {
    let message = format!(
        "training.device is \"{kind}\", but this program was built without it; take \"cpu\" or \"auto\", or build it with \
         --features {kind}"
    );
    ModelError::Compute { message }
}

fn opened(kind: &str, device: candle_core::Result<Device>) -> Result<Option<Device>, ModelError> {
    let message = |error: candle_core::Error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        ModelError::Compute { message: format!("training.device is \"{kind}\", but none can be used here: {first}") }
    };
    device.map(Some).map_err(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_program_was_not_built_for_is_said() {
        assert!(graphics_card(DeviceChoice::Cpu).unwrap().is_none());
        for (choice, is_there, name) in [
            (DeviceChoice::Cuda, candle_core::utils::cuda_is_available(), "cuda"),
            (DeviceChoice::Metal, candle_core::utils::metal_is_available(), "metal"),
        ] {
            if !is_there {
                let message = graphics_card(choice).unwrap_err().to_string();
                assert!(message.contains(&format!("--features {name}")), "{message}");
            }
        }
    }
}
