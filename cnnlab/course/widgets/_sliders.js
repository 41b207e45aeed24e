// What ipywidgets leaves out, for the board in which `this` element stands: a slider's name, the number beside it as what a
// screen reader says (of a slider over powers of ten it would say the power), and a decimal comma read as a point.
const board = this.closest('.cnnlab-board');
const tell = () => board.querySelectorAll('.widget-slider, .widget-hslider').forEach(slider => {
    const handle = slider.querySelector('.noUi-handle, .ui-slider-handle');
    if (!handle) return;
    handle.setAttribute('aria-label', slider.querySelector('.widget-label').textContent);
    handle.setAttribute('aria-valuetext', slider.querySelector('.widget-readout').textContent);
});
new MutationObserver(tell).observe(board, {subtree: true, childList: true, characterData: true});
const point = event => {
    if (!event.target.matches('.widget-readout') || (event.key && event.key !== 'Enter')) return;
    event.target.textContent = event.target.textContent.replace(',', '.');
};
board.addEventListener('blur', point, true);
board.addEventListener('keydown', point, true);
tell();
