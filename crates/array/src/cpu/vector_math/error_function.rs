//! The error function.

use super::Real;
use super::exponential::exp;
use super::trigonometry::clear_low_word;

/// Error function, within 1 ulp.
#[inline(always)]
pub(crate) fn erf<T: Real>(x: T) -> T {
    x.vector_erf()
}

#[inline(always)]
fn pick(c: &[f64; 4], first: bool, second: bool, third: bool) -> f64 {
    let far = if third { c[2] } else { c[3] };
    let mid = if second { c[1] } else { far };
    if first { c[0] } else { mid }
}

/// Error function, within 1 ulp. Four rational approximations, chosen by their coefficients.
#[inline(always)]
pub(super) fn erf_f64(x: f64) -> f64 {
    // Columns: |x| below 0.84375, below 1.25, below 1/0.35, the rest. Rows: powers.
    const P: [[f64; 4]; 8] = [
        [
            1.28379167095512558561e-01,
            -2.36211856075265944077e-03,
            -9.86494403484714822705e-03,
            -9.86494292470009928597e-03,
        ],
        [
            -3.25042107247001499370e-01,
            4.14856118683748331666e-01,
            -6.93858572707181764372e-01,
            -7.99283237680523006574e-01,
        ],
        [
            -2.84817495755985104766e-02,
            -3.72207876035701323847e-01,
            -1.05586262253232909814e+01,
            -1.77579549177547519889e+01,
        ],
        [
            -5.77027029648944159157e-03,
            3.18346619901161753674e-01,
            -6.23753324503260060396e+01,
            -1.60636384855821916062e+02,
        ],
        [
            -2.37630166566501626084e-05,
            -1.10894694282396677476e-01,
            -1.62396669462573470355e+02,
            -6.37566443368389627722e+02,
        ],
        [
            0.0,
            3.54783043256182359371e-02,
            -1.84605092906711035994e+02,
            -1.02509513161107724954e+03,
        ],
        [
            0.0,
            -2.16637559486879084300e-03,
            -8.12874355063065934246e+01,
            -4.83519191608651397019e+02,
        ],
        [0.0, 0.0, -9.81432934416914548592e+00, 0.0],
    ];
    const Q: [[f64; 4]; 9] = [
        [1.0, 1.0, 1.0, 1.0],
        [
            3.97917223959155352819e-01,
            1.06420880400844228286e-01,
            1.96512716674392571292e+01,
            3.03380607434824582924e+01,
        ],
        [
            6.50222499887672944485e-02,
            5.40397917702171048937e-01,
            1.37657754143519042600e+02,
            3.25792512996573918826e+02,
        ],
        [
            5.08130628187576562776e-03,
            7.18286544141962662868e-02,
            4.34565877475229228821e+02,
            1.53672958608443695994e+03,
        ],
        [
            1.32494738004321644526e-04,
            1.26171219808761642112e-01,
            6.45387271733267880336e+02,
            3.19985821950859553908e+03,
        ],
        [
            -3.96022827877536812320e-06,
            1.36370839120290507362e-02,
            4.29008140027567833386e+02,
            2.55305040643316442583e+03,
        ],
        [
            0.0,
            1.19844998467991074170e-02,
            1.08635005541779435134e+02,
            4.74528541206955367215e+02,
        ],
        [
            0.0,
            0.0,
            6.57024977031928170135e+00,
            -2.24409524465858183362e+01,
        ],
        [0.0, 0.0, -6.04244152148580987438e-02, 0.0],
    ];
    const ERX: f64 = 8.45062911510467529297e-01;
    let ax = x.abs();
    let ax = if ax > 6.0 { 6.0 } else { ax };
    let (first, second, third) = (ax < 0.84375, ax < 1.25, ax < 1.0 / 0.35);
    let tail_s = 1.0 / (ax * ax);
    let s = if first {
        ax * ax
    } else if second {
        ax - 1.0
    } else {
        tail_s
    };
    // Unrolled by hand: the outer loop only becomes vector code if nothing inside it is a loop.
    macro_rules! horner {
        ($c:ident[$highest:literal], $($power:literal)*) => {{
            let sum = pick(&$c[$highest], first, second, third);
            $(let sum = sum * s + pick(&$c[$power], first, second, third);)*
            sum
        }};
    }
    let p = horner!(P[7], 6 5 4 3 2 1 0);
    let q = horner!(Q[8], 7 6 5 4 3 2 1 0);
    let ratio = p / q;
    // The tail: erfc(x) = exp(-x^2 - 0.5625 + ratio) / x, with x^2 split so that it is exact.
    let z = clear_low_word(ax);
    let erfc = exp(-z * z - 0.5625) * exp((z - ax) * (z + ax) + ratio) / ax;
    let far = 1.0 - erfc;
    let mid = if second { ERX + ratio } else { far };
    let y = if first { ax + ax * ratio } else { mid };
    y.copysign(x)
}
